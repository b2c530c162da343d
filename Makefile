# SPDX-License-Identifier: BSD-2-Clause
# `make` builds build/tickvm and build/tickvm-guest; `make help` lists the rest.

BUILD   ?= build
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
FUZZ_SECONDS ?= 30
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2))

SETUP_AND := $(and $(filter setup,$(MAKECMDGOALS)),$(filter-out setup,$(MAKECMDGOALS)))
ifneq ($(SETUP_AND),)
# `make setup demo`: first the packages, then the rest in a make of its own, in this order even with -j.
.PHONY: setup $(SETUP_AND)
SETUP_FOR := build $(if $(filter-out all demo bench install,$(SETUP_AND)),test)
$(firstword $(SETUP_AND)): setup
	+@$(MAKE) --no-print-directory $(SETUP_AND)
$(wordlist 2,99,$(SETUP_AND)): $(firstword $(SETUP_AND)) ;
setup:
	@scripts/setup $(SETUP_FOR)
else

VERSION := 0.1.0
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wwrite-strings -Wvla -Wundef
CPPFLAGS_ALL = -Iinclude -D_GNU_SOURCE -DTICKVM_VERSION='"$(VERSION)"' $(CPPFLAGS)
CFLAGS_ALL   = -std=c11 $(WARN) $(CFLAGS) -pthread -MMD -MP
LINK         = $(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@
LDLIBS       = -lelf -ljansson -luring -lm

ROOMS   := base vmm devices data analysis bench report cli
SRCS    := $(foreach r,$(ROOMS),$(wildcard src/$(r)/*.c src/$(r)/*/*.c))
MAIN    := $(BUILD)/src/cli/main.o
LIB     := $(BUILD)/libtickvm.a
KINDS   := unit integration cli
TESTS   := $(wildcard $(KINDS:%=tests/%/*.c) tests/timing/*.c tests/model/*.c)
SUITES  := $(KINDS:%=$(BUILD)/tests/%-tests)
TIMING  := $(BUILD)/tests/timing-tests
MODEL   := $(BUILD)/tests/tickvm-model
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
OURS    := $(SRCS) $(TESTS) tests/lsan.c $(wildcard tests/fuzz/*.c)
OBJS    := $(OURS:%.c=$(BUILD)/%.o)
WORKLOADS := $(patsubst src/workload/%.c,$(BUILD)/workload/%.o,$(wildcard src/workload/*.c))

.PHONY: all setup demo check check-timing check-asan check-tsan lint bench fuzz install clean help FORCE
all: $(BUILD)/tickvm $(BUILD)/tickvm-guest ## build tickvm and its guest image

# ---- build ----

# Changes when the flags do, and then everything is built again.
FLAGS := $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/src/vmm/payload.o: src/vmm/payload.S $(BUILD)/tickvm-guest
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -DPAYLOAD_PATH='"$(BUILD)/tickvm-guest"' -c -o $@ $<

$(BUILD)/src/report/report_files.o: src/report/report_files.S src/report/report.css $(wildcard reference/*.csv)
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -c -o $@ $<

$(BUILD)/src/bench/sweep/quick_file.o: src/bench/sweep/quick_file.S sweeps/quick.ini
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -c -o $@ $<

EMBEDDED := $(BUILD)/src/vmm/payload.o $(BUILD)/src/report/report_files.o $(BUILD)/src/bench/sweep/quick_file.o
$(LIB): $(patsubst %.c,$(BUILD)/%.o,$(filter-out src/cli/main.c,$(SRCS))) $(EMBEDDED) $(WORKLOADS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) qcs $@ $^

# One object for the payload and for tickvm, whatever the monitor's flags are, at the same place in a cache line:
# guest and native figures are of the same code. instructions.c may run at an emulated CPL 0: integer registers only.
WORKLOAD_CFLAGS = -std=c11 $(WARN) -O2 -g -Iinclude -ffreestanding -fpie -march=x86-64 -mno-red-zone \
                  -fcf-protection=none -fno-stack-protector -fno-asynchronous-unwind-tables -fno-builtin \
                  -falign-functions=64 -MMD -MP
$(BUILD)/workload/instructions.o $(BUILD)/workload/workload_disk.o: WORKLOAD_CFLAGS += -mgeneral-regs-only
$(BUILD)/workload/%_avx2.o: WORKLOAD_CFLAGS += -mavx2 -mfma -ffp-contract=fast
$(BUILD)/workload/%.o: src/workload/%.c
	$(call say,WORK,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(WORKLOAD_CFLAGS) -c -o $@ $<

# The whole library, so that two functions of one name are an error: from an archive the first would be taken.
$(BUILD)/tickvm: $(MAIN) $(LIB)
	$(call say,LD,$@)
	$(Q)$(LINK) $(MAIN) -Wl,--whole-archive $(LIB) -Wl,--no-whole-archive $(LDLIBS)

# ---- tests ----

define suite
$(BUILD)/tests/$(1)-tests: $(patsubst %.c,$(BUILD)/%.o,$(filter tests/$(1)/%,$(TESTS)) tests/lsan.c) $(LIB)
	$$(call say,LD,$$@)
	$$(Q)$$(LINK) $$^ -lcriterion -lseccomp $$(LDLIBS)
endef
$(foreach k,$(KINDS) timing,$(eval $(call suite,$(k))))
# Timing tests run tickvm as the command line tests do.
$(TIMING): $(BUILD)/tests/cli/tickvm_command.o

# A tickvm whose experiment computes its figures, for what is done with figures.
$(MODEL): $(MAIN) $(BUILD)/tests/model/model.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(LINK) $^ $(LDLIBS)
$(BUILD)/tests/cli-tests: | $(MODEL)

FUZZ_MAIN = $(BUILD)/tests/fuzz/driver.o
$(FUZZERS): $(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(LIB)
	$(call say,LD,$@)
	$(Q)$(LINK) $^ $(LDLIBS)

check: all $(SUITES) $(FUZZERS) ## run every test (those that need KVM are skipped without it)
	@BUILD=$(BUILD) scripts/run-tests $(SUITES) $(FUZZERS)

# Verdicts that depend on how fast and how idle the host is: no part of the gate. Alone, one after the other.
check-timing: all $(TIMING) ## what only timing can show, on a host at rest (elsewhere skipped, with the reason)
	@if reason=$$(scripts/host-fit); then BUILD=$(BUILD) scripts/run-tests $(TIMING); \
	else echo "== SKIPPED: no test was run: $$reason"; fi

SANITIZE := -O1 -g -fno-omit-frame-pointer
# Casts of what a double may hold and an integer not are in no group.
UNDEFINED := -fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=undefined,float-cast-overflow
check-asan: ## the same under AddressSanitizer and UndefinedBehaviorSanitizer
	+@$(MAKE) --no-print-directory check BUILD=$(BUILD)/asan \
	  CFLAGS='$(SANITIZE) -fsanitize=address $(UNDEFINED)'

# Criterion's arena does not fit beside ThreadSanitizer's shadow, so the tests stay as they are and run a tickvm
# that is built with it: every thread is there.
check-tsan: $(BUILD)/tests/cli-tests ## the command line tests, tickvm under ThreadSanitizer
	+@$(MAKE) --no-print-directory all BUILD=$(BUILD)/tsan CFLAGS='$(SANITIZE) -fsanitize=thread'
	@TICKVM=$(BUILD)/tsan/tickvm BUILD=$(BUILD) scripts/run-tests $<

fuzz: ## libFuzzer on each fuzz target, FUZZ_SECONDS each (needs clang)
	+@$(MAKE) --no-print-directory fuzz-run BUILD=$(BUILD)/fuzz CC=clang FUZZ_MAIN= \
	  CFLAGS='$(SANITIZE) -fsanitize=address,fuzzer-no-link $(UNDEFINED)' \
	  LDFLAGS=-fsanitize=fuzzer

.PHONY: fuzz-run
fuzz-run: $(FUZZERS)
	@for f in $(notdir $(FUZZERS)); do \
	  mkdir -p $(BUILD)/corpus/$$f && echo "== $$f" && \
	  $(BUILD)/tests/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 \
	    -artifact_prefix=$(BUILD)/$$f- $(BUILD)/corpus/$$f tests/fuzz/seeds/$$f || exit 1; done

LINT_FLAGS := -std=c11 -Iinclude -D_GNU_SOURCE -DTICKVM_VERSION=\"0\"
lint: ## clang-format, cppcheck, clang-tidy and the rules between rooms
	@scripts/setup lint
	@scripts/lint-rooms
	@clang-format --dry-run -Werror $$(find include src tests -name '*.[ch]')
	@cppcheck --quiet --error-exitcode=1 --std=c11 --language=c --platform=unix64 --inline-suppr \
	  --enable=warning,performance,portability --suppress=missingIncludeSystem --suppress=comparePointers \
	  --suppress=ctuuninitvar \
	  $(filter-out -std%,$(LINT_FLAGS)) $(SRCS)
	@printf '%s\n' $(OURS) | \
	  xargs -P $$(nproc) -n 3 sh -c 'clang-tidy --quiet "$$@" -- $(LINT_FLAGS) 2>/dev/null' sh
	@echo "lint: clean"

# ---- use ----

setup: ## install the packages that building and testing need (apt)
	@scripts/setup build test

demo: all ## the main job: how late is a timer interrupt, and where does the time go
	$(BUILD)/tickvm bench timer

bench: all ## the project's own speed and size figures
	$(BUILD)/tickvm bench exits
	$(BUILD)/tickvm bench startup
	$(BUILD)/tickvm bench timer --interval 50us,100us,150us
	$(BUILD)/tickvm bench scale

install: all ## install below $(DESTDIR)$(PREFIX)
	install -D -m 755 $(BUILD)/tickvm $(DESTDIR)$(PREFIX)/bin/tickvm
	install -D -m 644 $(BUILD)/tickvm-guest $(DESTDIR)$(PREFIX)/share/tickvm/tickvm-guest
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/tickvm/,sweeps machines)
	install -m 644 sweeps/*.ini $(DESTDIR)$(PREFIX)/share/tickvm/sweeps
	install -m 644 machines/*.ini $(DESTDIR)$(PREFIX)/share/tickvm/machines
	install -D -m 644 docs/tickvm.1 $(DESTDIR)$(PREFIX)/share/man/man1/tickvm.1
	install -D -m 644 completions/tickvm.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tickvm

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | sort | while IFS="$$(printf '\t')" read -r n t; do \
	  printf '  %-11s %s\n' "$$n" "$$t"; done

-include src/guest/guest.mk
-include $(OBJS:.o=.d) $(WORKLOADS:.o=.d)
endif
