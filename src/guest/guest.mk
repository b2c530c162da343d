# SPDX-License-Identifier: BSD-2-Clause
# The payload: freestanding, so none of the monitor's flags. Its code at CPL 0 may be run by an
# instruction emulator, hence baseline integer instructions only (no SSE, no C loops turned into rep).

GUEST_CFLAGS = -std=c11 $(WARN) -O2 -g -Iinclude -ffreestanding -fno-pic -fno-pie -mcmodel=small \
               -march=x86-64 -mgeneral-regs-only -mno-red-zone -fcf-protection=none \
               -fno-stack-protector -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -MMD -MP
GUEST_CFLAGS += $(shell $(CC) -Werror -fno-tree-loop-distribute-patterns -c -x c -o /dev/null /dev/null \
                  2>/dev/null && echo -fno-tree-loop-distribute-patterns)
GUEST_LDFLAGS = -nostdlib -static -Wl,-T,src/guest/guest.ld -Wl,--build-id=none \
                -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack
GUEST_LDFLAGS += $(shell $(CC) -Wl,--version 2>/dev/null | grep -q GNU && echo -Wl,--no-warn-rwx-segments)

GUEST_OBJS := $(patsubst src/guest/%,$(BUILD)/guest/%.o,\
                $(basename $(wildcard src/guest/*.c)) $(basename $(wildcard src/guest/*.S)))

$(BUILD)/guest/%.o: src/guest/%.c
	$(call say,GUEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<

$(BUILD)/guest/%.o: src/guest/%.S
	$(call say,GUEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -Iinclude -MMD -MP -c -o $@ $<

$(BUILD)/tickvm-guest: $(GUEST_OBJS) $(WORKLOADS) src/guest/guest.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -o $@ $(GUEST_OBJS) $(WORKLOADS)

-include $(GUEST_OBJS:.o=.d)
