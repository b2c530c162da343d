# SPDX-License-Identifier: BSD-2-Clause
# `make` builds build/tickvm and build/tickvm-guest; `make help` lists the rest.

BUILD   ?= build
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2))

VERSION := 0.1.0
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wwrite-strings -Wvla -Wundef
CPPFLAGS_ALL = -Iinclude -D_GNU_SOURCE -DTICKVM_VERSION='"$(VERSION)"' $(CPPFLAGS)
CFLAGS_ALL   = -std=c11 $(WARN) $(CFLAGS) -pthread -MMD -MP
LDLIBS       = -lelf -ljansson -linih -lm -pthread

ROOMS   := vmm devices bench cli
SRCS    := $(foreach r,$(ROOMS),$(wildcard src/$(r)/*.c))
OBJS    := $(SRCS:%.c=$(BUILD)/%.o)
MAIN    := $(BUILD)/src/cli/main.o
LIB     := $(BUILD)/libtickvm.a

.PHONY: all clean
all: $(BUILD)/tickvm $(BUILD)/tickvm-guest

$(BUILD)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/src/vmm/payload.o: src/vmm/payload.S $(BUILD)/tickvm-guest
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -DPAYLOAD_PATH='"$(BUILD)/tickvm-guest"' -c -o $@ $<

$(LIB): $(filter-out $(MAIN),$(OBJS)) $(BUILD)/src/vmm/payload.o
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tickvm: $(MAIN) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

clean:
	rm -rf $(BUILD)

-include src/guest/guest.mk
-include $(OBJS:.o=.d)
