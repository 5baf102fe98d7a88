# Proffer. `make help` lists what there is to make.

CC      ?= cc
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
V       ?= 0

VERSION := $(shell sed -n 's/^\#define PROFFER_VERSION "\(.*\)"/\1/p' base/version.h)
GIT_SHA := $(shell git rev-parse --short HEAD 2>/dev/null)
SOVERSION := 0

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wundef -Wwrite-strings -Wvla -Wpointer-arith -Wformat=2
OPTIMIZE ?= -O2 -D_FORTIFY_SOURCE=2
SANITIZE ?=
CPPFLAGS += -I. -Iframework-sdk/include -D_GNU_SOURCE
CFLAGS   ?= -g
PROFFER_CFLAGS := -std=gnu17 $(WARNINGS) $(OPTIMIZE) -fPIC -fvisibility=hidden \
                  -fstack-protector-strong -ffunction-sections -fdata-sections $(SANITIZE)
PROFFER_LDFLAGS := -Wl,-z,relro,-z,now -Wl,--gc-sections -Wl,--as-needed $(SANITIZE)
ifneq ($(WERROR),)
PROFFER_CFLAGS += -Werror
endif

quiet = $(if $(filter 1,$(V)),,@echo '  $(1)' '$(patsubst $(BUILD)/%,%,$@)';)

# --- what is built from what ------------------------------------------------------------------------

sources = $(filter-out $(1)/main.c,$(wildcard $(1)/*.c $(1)/*/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

BASE_SRC      := $(call sources,base)
PROTO_SRC     := $(call sources,proto)
ISOLATORS_SRC := $(filter-out isolators/init/%,$(call sources,isolators))
MASTER_SRC    := $(call sources,master)
LAUNCHER_SRC  := $(filter-out agent/launcher/main.c agent/launcher/plugins.c,$(wildcard agent/launcher/*.c agent/shim/*.c))
AGENT_SRC     := $(filter-out agent/main.c agent/launcher/% agent/shim/% agent/check/% agent/fetcher/% agent/docker/%,$(wildcard agent/*.c agent/*/*.c))
DOCKER_SRC    := $(filter-out agent/docker/main.c,$(wildcard agent/docker/*.c agent/docker/core/*.c))
SDK_SRC       := $(wildcard framework-sdk/*.c framework-sdk/*/*.c)
CLI_SRC       := $(wildcard cli/*.c)
BATCH_SRC     := $(wildcard examples/batch/*.c)

ARCHIVES := $(addprefix $(BUILD)/obj/,base.a proto.a isolators.a master.a launcher.a docker.a agent.a sdk.a)
$(BUILD)/obj/base.a:      $(call objects,$(BASE_SRC))
$(BUILD)/obj/proto.a:     $(call objects,$(PROTO_SRC))
$(BUILD)/obj/isolators.a: $(call objects,$(ISOLATORS_SRC))
$(BUILD)/obj/master.a:    $(call objects,$(MASTER_SRC))
$(BUILD)/obj/launcher.a:  $(call objects,$(LAUNCHER_SRC))
$(BUILD)/obj/docker.a:    $(call objects,$(DOCKER_SRC))
$(BUILD)/obj/agent.a:     $(call objects,$(AGENT_SRC))
$(BUILD)/obj/sdk.a:       $(call objects,$(SDK_SRC))
# For the tests.
$(BUILD)/obj/batch.a:     $(call objects,$(filter-out examples/batch/main.c,$(BATCH_SRC)))

LINK_LIBS     := -lczmq -lzmq -lmsgpackc -ljansson -lsodium
MASTER_LIBS   := $(LINK_LIBS) -lmicrohttpd -lsqlite3 -lpthread
AGENT_LIBS    := $(LINK_LIBS) -lmicrohttpd -lhwloc -lsqlite3 -lpthread
LAUNCHER_LIBS := -lmsgpackc -ljansson -lcgroup -lsodium -lseccomp -lcap-ng
# The last two are for what is dropped again as nobody calls it; with sanitizers nothing is.
DOCKER_LIBS   := -lcurl -ljansson -lmsgpackc -lsodium -lcgroup $(if $(SANITIZE),-lseccomp -lcap-ng)
# Static: what each library maps and relocates would be copied by every fork. (libcgroup can look up users,
# which does not work in a static program; the launcher does not use that. Sanitizers cannot be static.)
LAUNCHER_LINK := $(if $(SANITIZE),-pie,-static-pie -Wl,--no-warnings)
SDK_LIBS      := $(LINK_LIBS) -lcurl -lpthread

BINARIES := $(addprefix $(BUILD)/bin/,proffer proffer-master proffer-agent proffer-batch) \
            $(addprefix $(BUILD)/libexec/proffer/,proffer-launcher proffer-launcher-modules proffer-check proffer-fetcher proffer-docker)
LIBRARIES := $(BUILD)/lib/libproffer.so $(BUILD)/lib/libproffer.a $(BUILD)/lib/pkgconfig/proffer.pc
EXAMPLES := $(BUILD)/examples/hello $(BUILD)/examples/executor/pool $(BUILD)/examples/executor/framework $(BUILD)/examples/isolator/oom_score.so

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
FUZZERS    := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAYS    := $(addprefix $(BUILD)/tests/replay_,$(FUZZERS))
BENCHES    := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c)) $(BUILD)/bench/scale

.PHONY: all help deps demo check check-qemu lint san fuzz bench bench-allocator bench-scale install uninstall clean docs
.DEFAULT_GOAL := all
.SECONDARY:

all: $(BINARIES) $(LIBRARIES) $(EXAMPLES)

help:
	@echo 'make            build into $(BUILD)/bin, $(BUILD)/lib'
	@echo 'make demo       a cluster of two agents on this machine does real work'
	@echo 'make check      all tests; installs missing Debian packages'
	@echo 'make check-qemu the isolators on a kernel with cpuset, PSI and two NUMA nodes, in qemu'
	@echo 'make sim        the simulated cluster over SEEDS (1000) seeds'
	@echo 'make mutants    deliberate bugs, each of which the simulator must find'
	@echo 'make chaos      daemons killed and stopped under load, for MINUTES (5); CHAOS_SEED repeats'
	@echo 'make lint       format, warnings as errors, cppcheck, headers, layering'
	@echo 'make san        the tests under ASan+UBSan, the threads under TSan'
	@echo 'make fuzz       each fuzzer for FUZZ_SECONDS (60)'
	@echo 'make bench      the numbers, each beside this machine'"'"'s own limit'
	@echo 'make bench-allocator  what an allocation costs, up to 100,000 agents and 1,000 frameworks'
	@echo 'make bench-scale  launch overhead, up to 10,000 agents and 200 frameworks over sockets'
	@echo 'make deps       install what building and testing needs'
	@echo 'make install    PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'

# --- rules ------------------------------------------------------------------------------------------

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(CPPFLAGS) $(CFLAGS) $(PROFFER_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/base/version.o $(BUILD)/obj/proto/version.o: EXTRA_CFLAGS := -DPROFFER_GIT_SHA='"$(GIT_SHA)"'

# The first process of a task's PID namespace: no C library, a few hundred bytes; it is part of the launcher.
INIT_IMAGE := $(BUILD)/obj/isolators/init/init
$(INIT_IMAGE): isolators/init/init.c
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) -std=gnu17 $(WARNINGS) -Os -ffreestanding -fno-stack-protector -fno-pic -no-pie \
		-static -nostdlib -Wl,--build-id=none,-z,noseparate-code,-z,noexecstack -o $@ $<

$(BUILD)/obj/isolators/init_image.o: $(INIT_IMAGE)
$(BUILD)/obj/isolators/init_image.o: EXTRA_CFLAGS := -DINIT_IMAGE='"$(INIT_IMAGE)"'

# What tasks may call by default is part of the launcher, too.
$(BUILD)/obj/isolators/linux_seccomp.o: isolators/seccomp/default.json
$(BUILD)/obj/isolators/linux_seccomp.o: EXTRA_CFLAGS := -DSECCOMP_PROFILE='"isolators/seccomp/default.json"'

# GCC 12 gets comparisons of 128-bit integers wrong when it handles their halves apart.
ALLOCATOR_CFLAGS := $(shell $(CC) -fno-split-wide-types -E -x c /dev/null >/dev/null 2>&1 && echo -fno-split-wide-types)
$(filter $(BUILD)/obj/master/core/allocator%,$(call objects,$(MASTER_SRC))): EXTRA_CFLAGS := $(ALLOCATOR_CFLAGS)

$(ARCHIVES) $(BUILD)/obj/batch.a $(BUILD)/obj/test_support.a:
	$(call quiet,AR)rm -f $@ && ar rcs $@ $^

LINK = $(CC) $(CFLAGS) $(PROFFER_CFLAGS) $(PROFFER_LDFLAGS) $(LDFLAGS) -o $@

$(BUILD)/bin/proffer-master: $(BUILD)/obj/master/main.o $(addprefix $(BUILD)/obj/,master.a proto.a base.a)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -pie $^ $(MASTER_LIBS)

$(BUILD)/bin/proffer-agent: $(BUILD)/obj/agent/main.o $(addprefix $(BUILD)/obj/,agent.a proto.a base.a)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -pie $^ $(AGENT_LIBS)

$(BUILD)/libexec/proffer/proffer-launcher: $(BUILD)/obj/agent/launcher/main.o \
		$(addprefix $(BUILD)/obj/,launcher.a isolators.a proto.a base.a)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) $(LAUNCHER_LINK) $^ $(LAUNCHER_LIBS)

$(BUILD)/libexec/proffer/proffer-docker: $(BUILD)/obj/agent/docker/main.o \
		$(addprefix $(BUILD)/obj/,docker.a launcher.a isolators.a proto.a base.a)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -pie $^ $(DOCKER_LIBS)

# In processes of their own, for the libraries that they need.
$(BUILD)/libexec/proffer/proffer-check: $(call objects,agent/check/main.c $(addprefix agent/launcher/,check_answer.c check_confine.c)) \
		$(BUILD)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -pie $^ -lcurl

$(BUILD)/libexec/proffer/proffer-fetcher: $(call objects,$(wildcard agent/fetcher/*.c)) \
		$(addprefix $(BUILD)/obj/,proto.a base.a)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -pie $^ -lcurl -larchive -lsodium -lmsgpackc -ljansson

# The same, dynamic and with its symbols seen, so that it can load isolators.
$(BUILD)/libexec/proffer/proffer-launcher-modules: $(BUILD)/obj/agent/launcher/main.o \
		$(BUILD)/obj/agent/launcher/plugins.o $(addprefix $(BUILD)/obj/,launcher.a isolators.a proto.a base.a)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -pie -rdynamic $^ $(LAUNCHER_LIBS) -ldl

$(BUILD)/bin/proffer: $(call objects,$(CLI_SRC)) $(addprefix $(BUILD)/obj/,sdk.a proto.a base.a)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -pie $^ $(SDK_LIBS)

$(BUILD)/bin/proffer-batch: $(call objects,$(BATCH_SRC)) $(BUILD)/lib/libproffer.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -pie $^ $(SDK_LIBS)

$(BUILD)/examples/hello: $(BUILD)/examples/%: examples/%/main.c $(BUILD)/lib/libproffer.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) -Iframework-sdk/include $(CFLAGS) $(PROFFER_CFLAGS) $(PROFFER_LDFLAGS) -o $@ $^ $(SDK_LIBS)

$(BUILD)/examples/executor/%: examples/executor/%.c $(BUILD)/lib/libproffer.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) -Iframework-sdk/include $(CFLAGS) $(PROFFER_CFLAGS) $(PROFFER_LDFLAGS) -o $@ $^ $(SDK_LIBS)

# Isolators that the launcher loads; built as somebody else would.
$(BUILD)/examples/isolator/%.so: examples/isolator/%.c $(wildcard isolators/*.h proto/schema*.h base/*.h)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(CPPFLAGS) $(CFLAGS) $(PROFFER_CFLAGS) $(PROFFER_LDFLAGS) -shared -o $@ $<

# One relocatable object with everything but the public symbols made local, so that a program that links
# the static library can have an err_set() of its own.
$(BUILD)/obj/libproffer.o: $(addprefix $(BUILD)/obj/,sdk.a proto.a base.a)
	$(call quiet,LD)ld -r -o $@ --whole-archive $(BUILD)/obj/sdk.a --no-whole-archive \
		$(BUILD)/obj/proto.a $(BUILD)/obj/base.a && objcopy --localize-hidden $@

$(BUILD)/lib/libproffer.a: $(BUILD)/obj/libproffer.o
	@mkdir -p $(@D)
	$(call quiet,AR)rm -f $@ && ar rcs $@ $^

$(BUILD)/lib/libproffer.so.$(SOVERSION): $(BUILD)/obj/libproffer.o
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(CFLAGS) $(PROFFER_CFLAGS) $(PROFFER_LDFLAGS) -shared \
		-Wl,-soname,libproffer.so.$(SOVERSION) -Wl,-z,defs -o $@ $^ $(SDK_LIBS)

$(BUILD)/lib/libproffer.so: $(BUILD)/lib/libproffer.so.$(SOVERSION)
	$(call quiet,LN)ln -sf $(<F) $@

$(BUILD)/lib/pkgconfig/proffer.pc: framework-sdk/proffer.pc.in Makefile base/version.h
	@mkdir -p $(@D)
	$(call quiet,GEN)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $< >$@

# --- tests ------------------------------------------------------------------------------------------

TEST_ARCHIVES := $(addprefix $(BUILD)/obj/,batch.a master.a agent.a docker.a launcher.a isolators.a sdk.a proto.a base.a)
TEST_LIBS := -lcmocka -larchive $(LINK_LIBS) -lmicrohttpd -lsqlite3 -lhwloc -lcgroup -lseccomp -lcap-ng -lcurl -lpthread
# What several tests share, beside the tests themselves. An archive, so that each takes what it calls, and no more: a program
# of all of it would be eight times as large, load forty libraries, and be so whenever a test starts itself.
TEST_SUPPORT := $(BUILD)/obj/test_support.a
$(TEST_SUPPORT): $(call objects,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))

$(BUILD)/tests/test_%: $(BUILD)/obj/tests/unit/test_%.o $(TEST_SUPPORT) $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) $< -Wl,--start-group $(TEST_SUPPORT) $(TEST_ARCHIVES) -Wl,--end-group $(TEST_LIBS)

$(BUILD)/tests/test_launcher_cache $(BUILD)/tests/test_launcher_fetch $(BUILD)/tests/test_launcher_unpack: | $(BUILD)/tests/server

# A plug-in for another version of the interface.
$(BUILD)/tests/plugin_other_version.so: examples/isolator/oom_score.c isolators/isolator.h
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(CPPFLAGS) $(CFLAGS) $(PROFFER_CFLAGS) -DISOLATOR_API_VERSION=1 -shared -o $@ $<

# Plug-ins that end who loads them, and that never come back.
$(BUILD)/tests/plugin_crash.so: tests/system/plugin_crash.c isolators/isolator.h
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(CPPFLAGS) $(CFLAGS) $(PROFFER_CFLAGS) -shared -o $@ $<

$(BUILD)/tests/plugin_hang.so: tests/system/plugin_crash.c isolators/isolator.h
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(CPPFLAGS) $(CFLAGS) $(PROFFER_CFLAGS) -DHANGS -shared -o $@ $<

TEST_PLUGINS := $(addprefix $(BUILD)/tests/,plugin_other_version.so plugin_crash.so plugin_hang.so)

$(BUILD)/tests/test_launcher_plugins: $(TEST_PLUGINS) $(BUILD)/examples/isolator/oom_score.so $(BUILD)/lib/libproffer.so

# Frameworks for the system tests, made as a user's would be.
$(BUILD)/tests/recorder $(BUILD)/tests/keeper $(BUILD)/tests/limiter $(BUILD)/tests/boxer $(BUILD)/tests/mover $(BUILD)/tests/conductor: $(BUILD)/tests/%: tests/system/%.c $(BUILD)/lib/libproffer.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) -Iframework-sdk/include $(CFLAGS) $(PROFFER_CFLAGS) $(PROFFER_LDFLAGS) -o $@ $^ $(SDK_LIBS)

# Servers that they talk to.
$(BUILD)/tests/server: tests/system/server.c
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(CPPFLAGS) $(CFLAGS) $(PROFFER_CFLAGS) $(PROFFER_LDFLAGS) -o $@ $<

# What system tests let loose in containers.
$(BUILD)/tests/attacker: tests/system/attacker.c
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) -O1 -Wall -Wextra -static -o $@ $<

# The simulator: a run over seeds, and the scenarios as an ordinary test.
SIM_PROGRAMS := $(BUILD)/tests/sim $(BUILD)/tests/test_sim $(BUILD)/tests/mutants
SIM_SUPPORT := $(call objects,$(filter-out %/main.c %/scenarios.c %/mutants.c,$(wildcard tests/sim/*.c)) \
                              tests/unit/records.c)

$(BUILD)/tests/sim: $(BUILD)/obj/tests/sim/main.o
$(BUILD)/tests/test_sim: $(BUILD)/obj/tests/sim/scenarios.o
$(BUILD)/tests/mutants: $(BUILD)/obj/tests/sim/mutants.o
$(SIM_PROGRAMS): $(SIM_SUPPORT) $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) $(filter %.o,$^) -Wl,--start-group $(TEST_ARCHIVES) -Wl,--end-group $(TEST_LIBS)

$(BUILD)/tests/replay_fuzz_group: $(BUILD)/obj/cli/group_file.o
$(BUILD)/tests/replay_fuzz_archive: $(addprefix $(BUILD)/obj/agent/fetcher/,unpack.o place.o)
$(BUILD)/tests/replay_%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) $(filter %.o,$^) -Wl,--start-group $(TEST_ARCHIVES) -Wl,--end-group $(TEST_LIBS)

$(BUILD)/bench/scale: $(call objects,$(wildcard bench/scale/*.c)) $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) $(filter %.o,$^) -Wl,--start-group $(TEST_ARCHIVES) -Wl,--end-group $(TEST_LIBS)

$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) $< -Wl,--start-group $(TEST_ARCHIVES) -Wl,--end-group $(TEST_LIBS)

.PHONY: tests benches sim mutants chaos
tests: $(UNIT_TESTS) $(TEST_PLUGINS) $(BUILD)/tests/attacker $(REPLAYS) $(BUILD)/tests/sim $(BUILD)/tests/test_sim \
       $(BUILD)/tests/recorder $(BUILD)/tests/keeper $(BUILD)/tests/limiter $(BUILD)/tests/boxer $(BUILD)/tests/mover $(BUILD)/tests/conductor \
       $(BUILD)/bench/allocator \
       $(BUILD)/tests/server
benches: $(BENCHES)

deps:
	@tests/deps.sh

# The packages come first, in a make of their own, so that the compiler finds the headers.
check: deps
	@$(MAKE) --no-print-directory all tests
	@tests/run.sh $(BUILD) $(TESTS)

# A kernel with cpuset, PSI and two NUMA nodes, emulated; minutes.
check-qemu: deps
	@$(MAKE) --no-print-directory all $(BUILD)/tests/test_isolators_cgroup $(BUILD)/tests/test_isolators_devices $(BUILD)/tests/limiter $(BUILD)/tests/boxer
	@tests/check_qemu.sh $(BUILD)

sim: $(BUILD)/tests/sim
	@$(BUILD)/tests/sim --seeds $(or $(SEEDS),1000)

# The cores with deliberate bugs, each of which the simulator must find.
mutants:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/mutants CPPFLAGS='$(CPPFLAGS) -DPROFFER_MUTANTS' \
		$(BUILD)/mutants/tests/mutants
	@$(BUILD)/mutants/tests/mutants

chaos: deps
	@$(MAKE) --no-print-directory all
	@CHAOS_SECONDS=$$(($(or $(MINUTES),5) * 60)) tests/system/chaos.sh $(BUILD)

demo: deps
	@$(MAKE) --no-print-directory all
	@tests/demo.sh $(BUILD)

lint: deps
	@tests/lint.sh

san: deps
	@tests/san.sh

fuzz: deps
	@tests/fuzz.sh $(FUZZERS)

# The tables of the protocol, from the schema's lists.
docs: $(BUILD)/docs/protocol_tables
	$(call quiet,GEN)$< docs/protocol.md

$(BUILD)/docs/protocol_tables: $(BUILD)/obj/docs/protocol_tables.o $(addprefix $(BUILD)/obj/,proto.a base.a)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) $^ -lmsgpackc

bench: deps
	@$(MAKE) --no-print-directory all benches $(BUILD)/tests/sim $(BUILD)/tests/recorder
	@bench/run.sh $(BUILD)

bench-allocator: deps
	@$(MAKE) --no-print-directory benches
	@$(BUILD)/bench/allocator

bench-scale: deps
	@$(MAKE) --no-print-directory all benches
	@bench/scale.sh $(BUILD)

# --- install ----------------------------------------------------------------------------------------

ISOLATOR_HEADERS = isolators/isolator.h isolators/spawn.h isolators/cgfs.h base/err.h base/resources.h base/buf.h \
                   $(wildcard proto/schema*.h)
MANPAGES = $(wildcard docs/man/*.[1-8])

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/proffer $(DESTDIR)$(PREFIX)/lib/pkgconfig \
		$(DESTDIR)$(PREFIX)/include/proffer $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 755 $(BUILD)/bin/proffer $(BUILD)/bin/proffer-master $(BUILD)/bin/proffer-agent \
		$(BUILD)/bin/proffer-batch $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(addprefix $(BUILD)/libexec/proffer/,proffer-launcher proffer-launcher-modules proffer-check proffer-fetcher proffer-docker) \
		$(DESTDIR)$(PREFIX)/libexec/proffer
	install -m 644 $(BUILD)/lib/libproffer.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(BUILD)/lib/libproffer.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib
	ln -sf libproffer.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/libproffer.so
	@# Anew: PREFIX may be another one than when it was built.
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' framework-sdk/proffer.pc.in \
		>$(DESTDIR)$(PREFIX)/lib/pkgconfig/proffer.pc
	install -D -m 644 isolators/seccomp/default.json $(DESTDIR)$(PREFIX)/share/proffer/seccomp-default.json
	@# For isolators that are built outside of this tree.
	for header in $(ISOLATOR_HEADERS); do \
		install -D -m 644 $$header $(DESTDIR)$(PREFIX)/include/proffer-isolator/$$header; done
	install -m 644 framework-sdk/include/proffer/*.h $(DESTDIR)$(PREFIX)/include/proffer
	install -m 644 $(filter %.1,$(MANPAGES)) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(filter %.8,$(MANPAGES)) $(DESTDIR)$(PREFIX)/share/man/man8

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,proffer proffer-master proffer-agent proffer-batch)
	rm -rf $(DESTDIR)$(PREFIX)/libexec/proffer $(DESTDIR)$(PREFIX)/include/proffer $(DESTDIR)$(PREFIX)/include/proffer-isolator \
		$(DESTDIR)$(PREFIX)/share/proffer
	rm -f $(DESTDIR)$(PREFIX)/lib/libproffer.* $(DESTDIR)$(PREFIX)/lib/pkgconfig/proffer.pc
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/man/man1/,$(notdir $(filter %.1,$(MANPAGES))))
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/man/man8/,$(notdir $(filter %.8,$(MANPAGES))))

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
