# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# features: every claim is put to the test with a container.

features() { cede features | jq -r "$1"; }
# claims LIST-IN-FEATURES JQ-FILTER: for each word of the list the filter makes a document with it ($w), which
# must not be refused for the word's sake. What this kernel cannot do is an error of another kind.
claims() {
	local list=$1 filter=$2 w
	for w in $(features "${list}[]"); do
		cp b/config.json b/before
		# shellcheck disable=SC2016 # jq's variable
		config b "$filter" --arg w "$w"
		run cede run -b b "$TAG-a"
		[[ ! $ERR =~ (unknown|expected|not supported|Unknown) ]] || die "$list: $w"
		mv b/before b/config.json
	done
}

# One JSON document on stdout, nothing on stderr; the versions engines look at.
test_document() {
	ok cede features
	[ ! -s "$T.err" ] || die "something on stderr"
	jq -e '.ociVersionMin == "1.0.0" and .ociVersionMax == "1.3.0"' <<<"$OUT" >/dev/null || die "versions"
	eq "hooks" "$(features '.hooks | join(" ")')" "prestart createRuntime createContainer startContainer poststart poststop"
	# what Docker, containerd and the kubelet (recursive read-only mounts, user namespaces) look for
	jq -e '(.mountOptions | index("rro")) and (.linux.namespaces | index("user")) and .linux.mountExtensions.idmap.enabled
		and .linux.cgroup.v2 and .linux.seccomp.enabled' <<<"$OUT" >/dev/null || die "what engines look for"
	jq -e '[.potentiallyUnsafeConfigAnnotations[]] | index("cede.") and index("run.oci.keep_original_groups")' <<<"$OUT" >/dev/null ||
		die "annotations that change what cede does"
	fails 1 'features' cede features operand
}

# Every mount option is ours: none is passed on to a filesystem, which would not know it.
test_mount_options() {
	local binds='["bind", "rbind", "idmap", "ridmap", "remount", "copy-symlink", "src-nofollow", "dest-nofollow", "tmpcopyup"]'
	local all
	all=$(cede features | jq -c ".mountOptions - $binds")
	at_least "options" "$(jq length <<<"$all")" 60
	bundle b ".process.args = [\"true\"] | .mounts += [{destination: \"/m\", type: \"tmpfs\", source: \"t\", options: $all}]"
	run cede run -b b "$TAG-a"
	# "mand" is gone from the kernel (5.15), which says so only in its log
	[[ ! $ERR =~ (Unknown|unknown|parameter) ]] || die "an option went to the filesystem"
	config b '.mounts[-1].options = ["rw", "no-such-option"]'
	fails 1 'mount /m: .*no-such-option' cede run -b b "$TAG-a"
	bundle c '.process.args = ["true"]'
	mv c/config.json c/plain
	mkdir src
	local o
	for o in bind rbind copy-symlink src-nofollow dest-nofollow; do
		jq ".mounts += [{destination: \"/m\", source: \"$T/src\", options: [\"bind\", \"$o\"]}]" <c/plain >c/config.json
		ok cede run -b c "$TAG-a"
		eq "what a bind says to $o" "$ERR" ""
	done
	jq '.mounts += [{destination: "/etc", type: "tmpfs", options: ["tmpcopyup"]}, {destination: "/etc", options: ["remount", "ro"]}]' <c/plain >c/config.json
	ok cede run -b c "$TAG-a"
}

# Every word of the other lists is one that the parser takes.
# timeout: 120
test_words() {
	bundle b '.process.args = ["true"] | .process.noNewPrivileges = true'
	claims .linux.namespaces '.linux.namespaces = ([.linux.namespaces[], {type: $w}] | unique_by(.type))
		| if $w == "user" then .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings else . end'
	claims .linux.seccomp.actions '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/no/agent", syscalls: [{names: ["mkdirat"], action: $w}]}'
	claims .linux.seccomp.operators '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdirat"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 1, valueTwo: 1, op: $w}]}]}'
	claims .linux.seccomp.archs '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: [$w]}'
	claims .linux.seccomp.supportedFlags '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: [$w]}'
	claims .linux.memoryPolicy.modes '.linux.memoryPolicy = {mode: $w} | if $w != "MPOL_LOCAL" and $w != "MPOL_DEFAULT" then .linux.memoryPolicy.nodes = "0" else . end'
	claims .linux.memoryPolicy.flags '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: [$w]}'
	claims .hooks '.hooks[$w] = [{path: "/bin/true"}]'
	in_container ".process.capabilities.bounding = $(cede features | jq -c .linux.capabilities)" -- cat /proc/self/status
	eq "bounding set" "$(sed -n 's/^CapBnd:\t//p' <<<"$OUT")" "$(sed -n 's/^CapBnd:\t//p' /proc/self/status)"
}

# What is said to be on is taken, or refused because of this host and by name; what is said to be off does not exist.
test_switches() {
	local key
	declare -A with=(
		[apparmor]='.process.apparmorProfile = "p"'
		[selinux]='.process.selinuxLabel = "a:b:c:d"'
		[intelRdt]='.linux.intelRdt = {closID: "/"}'
		[netDevices]='.linux.netDevices = {nosuch0: {}}'
	)
	bundle b '.process.args = ["true"]'
	for key in "${!with[@]}"; do
		eq "$key" "$(features ".linux.$key.enabled")" true
		cp b/config.json b/before
		config b "${with[$key]}"
		run cede run -b b "$TAG-a"
		[[ $STATUS = 0 || $ERR =~ (not enabled on this host|no resctrl|no such (device|label)) ]] || die "$key"
		mv b/before b/config.json
	done
	eq "cgroup v1" "$(features .linux.cgroup.v1)" false
	if [ "$(features '.annotations["cede.checkpoint.enabled"]')" = true ]; then
		ok cede checkpoint --help
		ok cede restore --help
	fi
	if [ "$(features .linux.cgroup.systemd)" = true ]; then
		like "unsafe annotations" "$(features '.potentiallyUnsafeConfigAnnotations | join(" ")')" 'org\.systemd\.property\.'
	fi
}
