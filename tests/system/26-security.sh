# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Labels of security modules, and other fields of the document that hold the program.

# A bundle that runs COMMAND in a shell, with another jq filter.
shell_bundle() {
	local dir=$1 command=$2 filter=${3:-.}
	# shellcheck disable=SC2016 # jq's variable
	bundle "$dir" '.process.args = ["sh", "-c", $ARGS.positional[0]] | '"$filter" --args -- "$command"
}

# Loads an AppArmor profile that may do everything but read /etc/secret.
load_profile() {
	apparmor_parser -K -r <<-PROFILE
		profile $1 flags=(attach_disconnected,mediate_deleted) {
		  file,
		  capability,
		  network,
		  mount,
		  umount,
		  ptrace,
		  signal,
		  unix,
		  deny /etc/secret r,
		}
	PROFILE
}
unload_profile() { echo "profile $1 { }" | apparmor_parser -R; }

# process.apparmorProfile confines the program, exec'd ones too, and startContainer hooks not; with
# no_new_privs, a user that is not root, a terminal-less start and a user namespace.
# needs: root apparmor
test_apparmor() {
	local p=$TAG-profile
	load_profile "$p"
	shell_bundle b 'cat /proc/self/attr/current; cat /etc/secret' \
		".process.apparmorProfile = \"$p\" | .process.noNewPrivileges = false"
	echo secret >b/rootfs/etc/secret
	chmod 644 b/rootfs/etc/secret
	run cede run -b b "$TAG-a"
	eq "exit status" "$STATUS" 1
	like "its label" "$OUT" "^$p \(enforce\)$"
	like "what it may not read" "$ERR" "Permission denied"
	config b '.process.noNewPrivileges = true | .process.user = {uid: 1000, gid: 1000}'
	run cede run -b b "$TAG-a"
	like "its label with no_new_privs" "$OUT" "^$p \(enforce\)$"
	config b '.process.args = ["sleep", "1000"] | .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "cat /proc/self/attr/current >/tmp/hook"]}] | .process.user = {uid: 0, gid: 0}'
	ok cede create -b b "$TAG-a"
	ok cede start "$TAG-a"
	like "the hook's label" "$(tr -d '\0' <b/rootfs/tmp/hook)" '^unconfined'
	ok cede exec "$TAG-a" cat /proc/self/attr/current
	eq "an exec'd program's label" "$OUT" "$p (enforce)"
	ok cede exec --apparmor unconfined "$TAG-a" cat /etc/secret
	eq "without it" "$OUT" secret
	fails 1 'process.apparmorProfile: no-such: .*`/proc/self/attr/apparmor/exec`$' \
		cede exec --apparmor no-such "$TAG-a" true
	ok cede delete --force "$TAG-a"
	config b 'del(.hooks) | .process.args = ["cat", "/proc/self/attr/current"]
		| .linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	ok cede run -b b "$TAG-a"
	eq "its label in a user namespace" "$OUT" "$p (enforce)"
	config b '.process.apparmorProfile = "no-such"'
	fails 1 'process.apparmorProfile: no-such: no such label is loaded: write to `/proc/self/attr/apparmor/exec`$' \
		cede create -b b "$TAG-a"
	# Where a hook of ours is not to run with it, its start says so.
	config b '.hooks.startContainer = [{path: "/bin/true"}]'
	ok cede create -b b "$TAG-a"
	fails 1 'process.apparmorProfile: no-such: no such label is loaded' cede start "$TAG-a"
	ok cede delete --force "$TAG-a"
	unload_profile "$p"
}

# Labels of a module that is not enabled here are refused by name; "unconfined" and the empty one are none.
test_labels_refused() {
	bundle b '.process.args = ["echo", "ran"]'
	if [ -n "$(need_apparmor)" ]; then
		config b '.process.apparmorProfile = "docker-default"'
		fails 1 'process.apparmorProfile: docker-default: AppArmor is not enabled on this host' cede run -b b "$TAG-a"
		config b '.process.apparmorProfile = "unconfined"'
		ok cede run -d -b b "$TAG-b"
		eventually 5 is_status "$TAG-b" stopped
		ok cede delete "$TAG-b"
	fi
	config b '.process.apparmorProfile = "" | .process.selinuxLabel = "system_u:system_r:t:s0"'
	fails 1 'process.selinuxLabel: system_u:system_r:t:s0: SELinux is not enabled on this host' cede run -b b "$TAG-a"
	config b 'del(.process.selinuxLabel) | .linux.mountLabel = "system_u:object_r:t:s0"'
	fails 1 'linux.mountLabel: system_u:object_r:t:s0: SELinux is not enabled on this host' cede run -b b "$TAG-a"
	config b '.linux.mountLabel = "" | .process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	fails 1 'process.selinuxLabel: .* not enabled' cede exec --process-label a:b:c:d "$TAG-a" true
	ok cede delete --force "$TAG-a"
}

# memoryPolicy: the mode, flags and nodes are what numa_maps shows, for the program and for exec.
# needs: root numa
test_memory_policy() {
	local filter='.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
	shell_bundle b 'head -n 1 /proc/self/numa_maps; sleep 1000' "$filter"
	cede run -d -b b "$TAG-a" >"$T/said" 2>&1
	eventually 5 grep -q bind "$T/said"
	like "its policy" "$(cat "$T/said")" ' bind=static:0 '
	ok cede exec "$TAG-a" head -n 1 /proc/self/numa_maps
	like "an exec'd program's policy" "$OUT" ' bind=static:0 '
	ok cede delete --force "$TAG-a"
	in_container '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0"}' -- head -n 1 /proc/self/numa_maps
	like "its policy" "$OUT" ' interleave:0 '
	in_container '.linux.memoryPolicy = {mode: "MPOL_LOCAL"}' -- head -n 1 /proc/self/numa_maps
	like "its policy" "$OUT" ' local '
	bundle c '.process.args = ["true"]'
	config c '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "1000"}'
	fails 1 'linux.memoryPolicy: the kernel does not take MPOL_BIND on nodes 1000' cede run -b c "$TAG-a"
	config c '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "5000"}'
	fails 1 'linux.memoryPolicy.nodes: .* 0 to 1023, found "5000"' cede run -b c "$TAG-a"
	config c '.linux.memoryPolicy = {mode: "MPOL_PREFERRED", nodes: "0", flags: ["MPOL_F_NUMA_BALANCING"]}'
	fails 1 'linux.memoryPolicy: the kernel does not take MPOL_PREFERRED' cede run -b c "$TAG-a"
}

# A kernel without NUMA refuses a policy by name.
test_memory_policy_refused() {
	bundle b '.process.args = ["true"]'
	config b '.linux.memoryPolicy = {mode: "MPOL_NONE"}'
	fails 1 'linux.memoryPolicy.mode: unknown value "MPOL_NONE"' cede run -b b "$TAG-a"
	config b '.linux.memoryPolicy = {nodes: "0"}'
	fails 1 'linux.memoryPolicy.mode: required but missing' cede run -b b "$TAG-a"
	config b '.linux.memoryPolicy = {mode: "MPOL_DEFAULT", nodes: "0"}'
	fails 1 'linux.memoryPolicy.nodes: MPOL_DEFAULT takes no nodes' cede run -b b "$TAG-a"
	config b '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0-"}'
	fails 1 'linux.memoryPolicy.nodes: expected a list' cede run -b b "$TAG-a"
	config b '.linux.memoryPolicy = {mode: "MPOL_BIND"}'
	fails 1 'linux.memoryPolicy.nodes: MPOL_BIND needs at least one node' cede run -b b "$TAG-a"
	config b '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]}'
	fails 1 'linux.memoryPolicy.flags: .* exclude each other' cede run -b b "$TAG-a"
	config b '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: "MPOL_F_STATIC_NODES"}'
	fails 1 'linux.memoryPolicy.flags: expected array of strings, found string' cede run -b b "$TAG-a"
	[ -n "$(need_numa)" ] || return 0
	config b '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0"}'
	fails 1 'linux.memoryPolicy: this kernel is built without NUMA' cede run -b b "$TAG-a"
}

# The annotation run.oci.keep_original_groups (podman's --group-add keep-groups) keeps the caller's groups.
# needs: root command:setpriv
test_keep_original_groups() {
	bundle b '.process.args = ["probe"] | .process.user = {uid: 1000, gid: 1000}'
	put b probe
	ok setpriv --groups 0,4321 "$CEDE" --root "$ROOT" run -b b "$TAG-a"
	unlike "groups without it" "$(probed groups)" 4321
	config b '.annotations["run.oci.keep_original_groups"] = "1"'
	ok setpriv --groups 0,4321 "$CEDE" --root "$ROOT" run -b b "$TAG-a"
	like "groups with it" "$(probed groups)" '(^| )4321( |$)'
	config b '.annotations["run.oci.keep_original_groups"] = "0"'
	ok setpriv --groups 0,4321 "$CEDE" --root "$ROOT" run -b b "$TAG-a"
	unlike "groups with 0" "$(probed groups)" 4321
	config b '.annotations["run.oci.keep_original_groups"] = 1'
	fails 1 'annotations\["run.oci.keep_original_groups"\]: expected string, found' cede run -b b "$TAG-a"
}

# start_agent: a seccomp agent at $T/agent whose states are lines of $T/states; ends with the test.
start_agent() {
	"$HELPERS/agent" "$T/agent" >"$T/states" 2>&1 &
	AGENT=$!
	eventually 5 test -S "$T/agent"
}
stop_agent() { kill "$AGENT"; wait "$AGENT" || true; }
states() { wc -l <"$T/states"; }
# What the last state has at a jq path.
state_has() { tail -n 1 "$T/states" | jq -r "$1"; }
notify_bundle() {
	local dir=$1 calls=$2 filter=${3:-.}
	shell_bundle "$dir" 'mkdir /made 2>&1; echo $?' ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\",
		listenerPath: \"$T/agent\", listenerMetadata: \"of the test\",
		syscalls: [{names: $calls, action: \"SCMP_ACT_NOTIFY\"}]} | .annotations = {a: \"b\"} | $filter"
}

# SCMP_ACT_NOTIFY: the agent gets the listener and the container process state, and what it answers is what
# the program sees: for run, create and start, exec; with no_new_privs and without.
test_seccomp_notify() {
	local nnp n=0
	start_agent
	notify_bundle b '["mkdir", "mkdirat"]'
	for nnp in true false; do
		config b ".process.noNewPrivileges = $nnp"
		ok cede run -b b "$TAG-a"
		like "mkdir in run, no_new_privs $nnp" "$OUT" 'Disk quota exceeded.*1'
		eq "states" "$(states)" $((++n))
		eq fds "$(state_has '.fds | tojson')" '["seccompFd"]'
		eq metadata "$(state_has .metadata)" "of the test"
		eq "state" "$(state_has '.state | [.id, .status, .annotations.a, .ociVersion] | join(" ")')" "$TAG-a creating b 1.3.0"
		eq "pids" "$(state_has '.pid == .state.pid and .pid > 1')" true

		cede create -b b "$TAG-a" >"$T/said" 2>&1
		local pid
		pid=$(pid_of "$TAG-a")
		ok cede start "$TAG-a"
		eventually 5 is_status "$TAG-a" stopped
		like "mkdir after start" "$(cat "$T/said")" 'Disk quota exceeded.*1'
		eq "states" "$(states)" $((++n))
		eq pid "$(state_has .pid)" "$pid"
		# the filter is loaded as late as can be: behind start with no_new_privs, before it without
		eq status "$(state_has .state.status)" "$([ $nnp = true ] && echo created || echo creating)"
		ok cede delete "$TAG-a"
	done
	config b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	eq "states" "$(states)" $((++n))
	run cede exec "$TAG-a" mkdir /made
	like "mkdir in exec" "$ERR" 'Disk quota exceeded'
	eq "states" "$(states)" $((++n))
	eq "status for exec" "$(state_has .state.status)" running
	eq "pids differ for exec" "$(state_has '.pid != .state.pid')" true
	ok cede delete --force "$TAG-a"
	stop_agent
}

# Not even calls that the runtime's own set-up needs keep the agent from getting its listener.
test_seccomp_notify_everything() {
	local nnp
	start_agent
	notify_bundle b '["read", "write", "sendmsg", "recvmsg", "close", "execve", "setresuid", "setgroups", "chdir",
		"openat", "prctl", "capset", "mkdir", "poll", "dup", "fcntl"]'
	for nnp in true false; do
		config b ".process.noNewPrivileges = $nnp"
		ok cede run -b b "$TAG-a"
		like "mkdir in run, no_new_privs $nnp" "$OUT" 'Disk quota exceeded.*1'
		cede create -b b "$TAG-a" >"$T/said" 2>&1
		ok cede start "$TAG-a"
		eventually 10 is_status "$TAG-a" stopped
		like "mkdir after start" "$(cat "$T/said")" 'Disk quota exceeded.*1'
		ok cede delete "$TAG-a"
	done
	stop_agent
}

# Without an agent: an error that names the path, and no program; a path is ignored where nothing is notified.
test_seccomp_notify_refusals() {
	notify_bundle b '["mkdir", "mkdirat"]'
	local nnp
	for nnp in true false; do
		config b ".process.noNewPrivileges = $nnp"
		fails 1 "connect to the seccomp agent at $T/agent: No such file or directory" cede run -b b "$TAG-a"
	done
	fails 1 "connect to the seccomp agent" cede create -b b "$TAG-b"
	config b '.process.noNewPrivileges = true'
	cede create -b b "$TAG-b" >"$T/said" 2>&1
	fails 1 "connect to the seccomp agent at $T/agent" cede start "$TAG-b"
	eventually 5 is_status "$TAG-b" stopped
	ok cede delete "$TAG-b"
	eq "what the program said" "$(cat "$T/said")" ""
	config b '.linux.seccomp.syscalls = []'
	ok cede run -b b "$TAG-a"
	config b '.linux.seccomp.listenerPath = "agent"'
	fails 1 'linux.seccomp.listenerPath: must be an absolute path' cede run -b b "$TAG-a"
	config b 'del(.linux.seccomp.listenerPath)'
	fails 1 'linux.seccomp.listenerMetadata: must not be set without listenerPath' cede run -b b "$TAG-a"
	config b 'del(.linux.seccomp.listenerMetadata) | .linux.seccomp.syscalls = [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]'
	fails 1 'linux.seccomp.listenerPath: required with SCMP_ACT_NOTIFY' cede run -b b "$TAG-a"
	config b '.linux.seccomp = {defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/run/agent"}'
	fails 1 'linux.seccomp.defaultAction: SCMP_ACT_NOTIFY is not possible as the default' cede run -b b "$TAG-a"
}

# intelRdt: refused by name where no resctrl filesystem is mounted (nowhere we test it is); nonsense before that.
test_intel_rdt_refused() {
	bundle b '.process.args = ["true"]'
	config b '.linux.intelRdt = {closID: "a/b"}'
	fails 1 'linux.intelRdt.closID: must be one directory name or "/"' cede run -b b "$TAG-a"
	config b '.linux.intelRdt = {memBwSchema: "L3:0=f"}'
	fails 1 'linux.intelRdt.memBwSchema: must be one line starting with "MB:"' cede run -b b "$TAG-a"
	config b '.linux.intelRdt = {schemata: ["L3:0=f\nMB:0=10"]}'
	fails 1 'linux.intelRdt.schemata\[0\]: must be one line' cede run -b b "$TAG-a"
	config b '.linux.intelRdt = {enableMonitoring: "yes"}'
	fails 1 'linux.intelRdt.enableMonitoring: expected boolean, found string' cede run -b b "$TAG-a"
	[ ! -e /sys/fs/resctrl/schemata ] || return 0
	config b '.linux.intelRdt = {closID: "/"}'
	fails 1 'linux.intelRdt: no resctrl filesystem is mounted on /sys/fs/resctrl' cede run -b b "$TAG-a"
}
