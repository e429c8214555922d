# SPDX-License-Identifier: Apache-2.0
#
# One non-recursive makefile. `make` configures itself on a fresh clone; `make help` lists the rest.
# Variants are variables: DEBUG=1, SANITIZE=address,undefined, COVERAGE=1, STATIC=no, BUILD=dir.

.DEFAULT_GOAL := all
SHELL := /bin/bash
.DELETE_ON_ERROR:

BUILD ?= build
ROOMS := base oci runtime metrics sched
PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec/cede
DESTDIR ?=

# Goals that must work before anything is installed or configured.
BARE_GOALS := clean distclean help deps deps-% demo check check-engines
ifneq ($(filter-out $(BARE_GOALS),$(or $(MAKECMDGOALS),all)),)
include config.mk
endif

configure: configure.ac
	@command -v autoconf >/dev/null || { echo "autoconf is missing: run 'make deps' as root (or install the packages it names)" >&2; exit 1; }
	autoconf

config.status: configure
	./configure --quiet

config.mk: config.mk.in config.status
	./config.status --quiet

VERSION := $(or $(PACKAGE_VERSION),unknown)
COMMIT := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# --- flags ---------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	-Wpointer-arith -Wwrite-strings -Wundef
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -I$(BUILD)
OPT := $(if $(DEBUG),-O0 -g3,-O2 -g)
# Unwind tables are for exceptions and in-process backtraces, which nobody here makes; debuggers use
# .debug_frame. Loaded, they would be a tenth of the program.
SLIM := $(if $(DEBUG)$(SANITIZE)$(COVERAGE),,-fno-asynchronous-unwind-tables)
HARDEN := -fPIE -fstack-protector-strong -fno-strict-aliasing $(if $(DEBUG)$(SANITIZE),,-D_FORTIFY_SOURCE=2)
CFLAGS ?= $(OPT)
ALL_CFLAGS = -std=gnu17 $(WARN) $(if $(WERROR),-Werror) $(HARDEN) $(SLIM) -ffunction-sections \
	-fdata-sections $(CFLAGS) $(VARIANT)
VARIANT := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer) \
	$(if $(COVERAGE),--coverage)

comma := ,
STATIC ?= $(if $(SANITIZE)$(COVERAGE),no,$(LINK_STATIC))
ifeq ($(STATIC),yes)
LINK := -static-pie $(LINK_PACKED) -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now
LIBS := $(LIBS_STATIC)
# The program begins before the C library does: runtime/self_entry.c.
ENTRY := $(if $(filter x86_64,$(shell uname -m)),-Wl$(comma)-e$(comma)cede_start)
else
LINK := -pie -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now
LIBS := $(LIBS_DYNAMIC)
endif

# The program alone is linked with musl where configure found it to work (its reasons are there): its
# objects are in a directory of their own, everything else is made with the compiler's own library.
ifeq ($(STATIC)-$(LIBC),yes-musl)
PROGRAM := $(BUILD)/musl
PROGRAM_CC := $(MUSL_CC)
PROGRAM_CPPFLAGS = -Icompat/musl $(CPPFLAGS) -idirafter $(PROGRAM)/borrowed
PROGRAM_LINK := -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-z,text \
	-Wl,--gc-sections -Wl,-z,relro -Wl,-z,now $(MUSL_DIR)/rcrt1.o $(MUSL_DIR)/crti.o
PROGRAM_LIBS := $(MUSL_LIBS) $(MUSL_DIR)/crtn.o
COMPAT_SRC := $(wildcard compat/musl/*.c)
else
PROGRAM := $(BUILD)
PROGRAM_LINK := $(LINK)
PROGRAM_LIBS := $(LIBS)
endif

# V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) '$(2)')

# --- objects -------------------------------------------------------------------------------------

ROOM_SRC := $(foreach r,$(ROOMS),$(wildcard $(r)/*.c))
CLI_SRC := $(wildcard cli/*.c)
ROOM_OBJ := $(ROOM_SRC:%.c=$(BUILD)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/%.o)
BASE_OBJ := $(filter $(BUILD)/base/%,$(ROOM_OBJ))
PROGRAM_OBJ := $(patsubst %.c,$(PROGRAM)/%.o,$(ROOM_SRC) $(CLI_SRC) $(COMPAT_SRC))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)
BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH_BIN := $(BENCH_SRC:%.c=$(BUILD)/%)
BENCH_LIB_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/lib/*.c))
HELPER_SRC := $(wildcard tests/system/*.c)
HELPER_BIN := $(HELPER_SRC:%.c=$(BUILD)/%)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:%.c=$(BUILD)/%)
FUZZ_OBJ := $(FUZZ_SRC:%.c=$(BUILD)/%.o)

all: $(BUILD)/cede libexec

$(BUILD)/version.h: force
	@mkdir -p $(@D)
	@printf '#define CEDE_VERSION "%s"\n#define CEDE_COMMIT "%s"\n#define CEDE_LIBEXECDIR "%s"\n' \
		'$(VERSION)' '$(COMMIT)' '$(LIBEXECDIR)' >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# Objects made with other flags are made again (never: a program of two halves).
FLAGS_NOW := $(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LINK) $(LIBS) $(PROGRAM_CC) $(PROGRAM_LINK) $(PROGRAM_LIBS)
$(BUILD)/flags: force
	@mkdir -p $(@D)
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' >$@

$(BUILD)/%.o: %.c config.mk $(BUILD)/flags | $(BUILD)/version.h
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Everything but the commands, for the tests, and the ground floor, for the helper programs.
$(BUILD)/libcede.a: $(ROOM_OBJ)
$(BUILD)/libbase.a: $(BASE_OBJ)
$(BUILD)/libcede.a $(BUILD)/libbase.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

ifdef PROGRAM_CC
$(PROGRAM)/%.o: %.c config.mk $(BUILD)/flags | $(BUILD)/version.h $(PROGRAM)/borrowed
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(PROGRAM_CC) $(PROGRAM_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Headers that musl does not bring: the kernel's and those of the two libraries, nothing of glibc's.
$(PROGRAM)/borrowed: config.mk
	$(Q)rm -rf $@ && mkdir -p $@ && ln -s $(MUSL_BORROWS) $@/
endif

$(BUILD)/cede: $(PROGRAM_OBJ)
	$(call say,LINK,$@)
	$(Q)$(or $(PROGRAM_CC),$(CC)) $(ALL_CFLAGS) $(LDFLAGS) $(PROGRAM_LINK) $(ENTRY) -o $@ $(filter-out %.ok,$^) $(PROGRAM_LIBS)

SELF_ENTRY := $(sort $(BUILD)/runtime/self_entry.o $(PROGRAM)/runtime/self_entry.o)
$(SELF_ENTRY): private VARIANT := -ffreestanding -fno-stack-protector
$(SELF_ENTRY): Makefile
$(BUILD)/cede: $(BUILD)/self_entry.ok
$(BUILD)/self_entry.ok: $(PROGRAM)/runtime/self_entry.o
	$(Q)if nm -u $< | grep -v ' _start$$'; then echo "$<: calls the C library before it is there" >&2; exit 1; fi
	$(Q)touch $@

# Helper programs for what is heavy: each is one file of libexec/, the ground floor, and one library,
# where that is installed. They start when their feature is used, and only then.
LIBEXEC := $(if $(LIBS_SYSTEMD),$(BUILD)/libexec/cede-systemd)
$(BUILD)/libexec/cede-systemd: private LIBS_HELPER := $(LIBS_SYSTEMD)

libexec: $(LIBEXEC)
$(LIBEXEC): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libbase.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -pie -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -o $@ $^ $(LIBS_HELPER)

# Unit tests link dynamically (cmocka has no archive) against the same objects.
$(UNIT_BIN): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libbench.a \
		$(filter-out $(BUILD)/cli/main.o,$(CLI_OBJ)) $(BUILD)/libcede.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--gc-sections -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS_DYNAMIC) -lcmocka -lm

# The fuzz targets once more, each under its own name, for the test that replays the corpus.
$(FUZZ_OBJ): private VARIANT += -DLLVMFuzzerTestOneInput=$(basename $(notdir $@))
$(BUILD)/tests/unit/test_corpus: $(FUZZ_OBJ)

# Small programs that the system tests put into containers: static, no library of ours.
$(HELPER_BIN): $(BUILD)/%: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu17 $(WARN) -O2 -static -o $@ $<

# What the benchmark's programs share: histogram, schedule, load, tracks, cells, report.
$(BUILD)/libbench.a: $(BENCH_LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BENCH_BIN): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libbench.a $(BUILD)/libcede.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(LINK) -o $@ $^ $(LIBS) -lm

-include $(ROOM_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(PROGRAM_OBJ:.o=.d) $(UNIT_SRC:%.c=$(BUILD)/%.d) $(BENCH_SRC:%.c=$(BUILD)/%.d) \
	$(BENCH_LIB_OBJ:.o=.d) $(LIBEXEC:=.d) $(FUZZ_OBJ:.o=.d)

# --- packages ------------------------------------------------------------------------------------

# deps-build, deps-demo, deps-check, deps-lint, deps-bench: name what is missing and, as root,
# install it.
deps: deps-build
deps-%:
	@build-aux/deps.sh $*

# --- checking ------------------------------------------------------------------------------------

# The README's second command: installs what is missing, builds, runs everything, and prints one
# line "N passed, N failed, N skipped".
check: deps-build deps-check
	@$(MAKE) --no-print-directory check-run

check-run: all unit helpers $(BENCH_BIN)
	@tests/run-all

unit: $(UNIT_BIN)
helpers: $(HELPER_BIN)

check-unit: unit
	@tests/run-unit

check-native: all helpers
	@tests/run-system

check-vm: all unit helpers
	@tests/vm/run

# The real containerd, Docker and Podman, in a machine of their own (10 minutes).
check-engines: deps-build deps-check
	@$(MAKE) --no-print-directory check-engines-run

check-engines-run: all helpers
	@tests/run-engines

lint: deps-lint config.mk
	build-aux/lint.sh

format:
	clang-format -i $(foreach r,$(ROOMS) cli libexec tests/unit tests/bench tests/bench/lib tests/fuzz tests/system build-aux compat/musl compat/musl/sys,$(wildcard $(r)/*.[ch]))

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_CFLAGS := -std=gnu17 -g -O1 -fsanitize=fuzzer-no-link,address,undefined
FUZZED_OBJ := $(patsubst %.c,$(BUILD)/fuzz/%.o,$(ROOM_SRC) $(filter-out cli/main.c,$(CLI_SRC)))
$(FUZZED_OBJ): $(BUILD)/fuzz/%.o: %.c | $(BUILD)/version.h
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/libcede.a: $(FUZZED_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(FUZZ_BIN): $(BUILD)/%: %.c $(BUILD)/fuzz/libcede.a
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS_DYNAMIC)
-include $(FUZZED_OBJ:.o=.d)

fuzz: deps-lint $(FUZZ_BIN)
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_BIN)

# --- showing and measuring -----------------------------------------------------------------------

# The README's first command.
demo: deps-build deps-demo
	@$(MAKE) --no-print-directory demo-run

demo-run: all $(BENCH_BIN) helpers
	@tests/bench/demo

bench: deps-build deps-bench
	@$(MAKE) --no-print-directory bench-run

# The names of all system calls of this architecture.
$(BUILD)/tests/bench/syscalls:
	@mkdir -p $(@D)
	@echo '#include <asm/unistd.h>' | $(CC) -E -dM - | sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/\1/p' | sort -u >$@

BENCH := all $(BENCH_BIN) $(BUILD)/tests/bench/syscalls helpers
bench-run: $(BENCH)
	@tests/bench/bench

# The same where cgroup v2 has its controllers: in the virtual machine, which is emulated where the
# host cannot do better; ratios are what to look at.
bench-vm: deps-build deps-check
	@$(MAKE) --no-print-directory bench-vm-run
bench-vm-run: $(BENCH)
	@tests/bench/vm

# --- installing ----------------------------------------------------------------------------------

MAN8 := $(wildcard man/*.8)
MAN5 := $(wildcard man/*.5)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 0755 $(BUILD)/cede $(DESTDIR)$(PREFIX)/bin/cede
	$(if $(LIBEXEC),install -d $(DESTDIR)$(LIBEXECDIR))
	$(if $(LIBEXEC),install -m 0755 $(LIBEXEC) $(DESTDIR)$(LIBEXECDIR)/)
	$(if $(MAN8),install -m 0644 $(MAN8) $(DESTDIR)$(PREFIX)/share/man/man8/)
	$(if $(MAN5),install -m 0644 $(MAN5) $(DESTDIR)$(PREFIX)/share/man/man5/)
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 0644 contrib/completions/cede.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cede
	install -m 0644 contrib/completions/_cede $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_cede
	install -m 0644 contrib/completions/cede.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/cede.fish

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/cede $(MAN8:man/%=$(DESTDIR)$(PREFIX)/share/man/man8/%) \
		$(MAN5:man/%=$(DESTDIR)$(PREFIX)/share/man/man5/%) \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/cede \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_cede \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/cede.fish
	rm -rf $(DESTDIR)$(LIBEXECDIR)

dist:
	@mkdir -p $(BUILD)
	git archive --prefix=cede-$(VERSION)/ -o $(BUILD)/cede-$(VERSION).tar.gz HEAD
	@echo $(BUILD)/cede-$(VERSION).tar.gz

clean:
	rm -rf $(BUILD)

distclean: clean
	rm -rf config.mk config.status config.log configure autom4te.cache

help:
	@echo 'make                 build build/cede'
	@echo 'make demo            install what is missing, build, and show what cede does (3 minutes)'
	@echo 'make check           install what is missing, build, and run all tests'
	@echo 'make check-unit      unit tests only (no root)'
	@echo 'make check-native    system tests on this host only (root)'
	@echo 'make check-vm        the rest, in a virtual machine made on the spot'
	@echo 'make check-engines   containerd, Docker and Podman with cede, in a machine of their own'
	@echo 'make bench           measure against crun and runc; writes tests/bench/RESULTS.md'
	@echo 'make bench-vm        the same with cgroup v2 controllers, in the virtual machine; RESULTS-vm.md'
	@echo 'make lint            formatting, layering, compiler warnings, static analysis'
	@echo 'make fuzz            fuzz every parser (FUZZ_SECONDS=60 each)'
	@echo 'make install         DESTDIR= PREFIX=/usr/local'
	@echo 'make dist | clean | distclean | format'

force:
.PHONY: all libexec deps check check-run check-engines check-engines-run unit helpers check-unit check-native check-vm lint format fuzz \
	demo demo-run bench bench-run bench-vm bench-vm-run install uninstall dist clean distclean help force
