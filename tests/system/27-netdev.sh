# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# linux.netDevices: devices that go into the container. Every test has a network of its own to lose.

# in_net SCRIPT: runs it in a network namespace of its own, with $T, $ROOT, $CEDE, $TAG.
in_net() {
	export T ROOT CEDE TAG
	LAST="in a network namespace: $1" STATUS=0
	unshare -n bash -eu -c "$1" >"$T.out" 2>"$T.err" </dev/null || STATUS=$?
	OUT=$(cat "$T.out") ERR=$(cat "$T.err")
}
net_bundle() {
	local dir=$1 filter=$2 command=$3
	# shellcheck disable=SC2016 # jq's variable
	bundle "$dir" '.process.args = ["sh", "-c", $ARGS.positional[0]] | '"$filter" --args -- "$command"
}

# A device goes in under its new name with its MTU, hardware address and permanent global addresses, and is
# up; it is no longer outside. Its peer sees the carrier.
# needs: root command:ip veth
test_move_and_rename() {
	net_bundle b '.linux.netDevices = {out0: {name: "eth7"}, out1: {}}' 'cd /sys/class/net; for d in *; do
		echo "$d $(cat $d/mtu) $(cat $d/address) $(($(cat $d/flags) & 1))"; done; ip -4 addr; ip -6 addr'
	in_net 'ip link set lo up
		ip link add out0 mtu 1400 address 02:00:00:00:00:07 type veth peer name peer0
		ip link add out1 type veth peer name peer1
		ip link set peer0 up
		ip addr add 10.9.8.7/24 broadcast 10.9.8.255 dev out0
		ip addr add 10.9.8.8 peer 10.9.8.1/32 dev out0
		ip addr add fd00:1::7/64 dev out0 nodad
		ip addr add 10.1.1.1/24 dev out0 valid_lft 1000 preferred_lft 1000
		ip addr add 169.254.1.1/16 scope link dev out0
		"$CEDE" --root "$ROOT" run -b b "$TAG-a"
		echo ---
		ip -o link'
	eq "exit status" "$STATUS" 0
	like "the renamed device" "$OUT" $'(^|\n)eth7 1400 02:00:00:00:00:07 1\n'
	like "the other one" "$OUT" $'\nout1 1500 [0-9a-f:]+ 1\n'
	like "its address" "$OUT" 'inet 10.9.8.7/24 brd 10.9.8.255 scope global eth7'
	like "its address with a peer" "$OUT" 'inet 10.9.8.8 peer 10.9.8.1/32'
	like "its IPv6 address" "$OUT" 'inet6 fd00:1::7/64'
	unlike "an address that is not permanent" "$OUT" '10.1.1.1'
	unlike "an address that is not global" "$OUT" '169.254.1.1'
	unlike "what is left outside" "${OUT##*---}" 'out[01]'
}

# "%d" in the name lets the kernel choose one; without it a name that is taken is an error, before anything
# is moved. A number that is taken in the container changes.
# needs: root command:ip veth
test_names_taken() {
	net_bundle b ".linux.netDevices = {out0: {name: \"eth%d\"}} | (.linux.namespaces[] | select(.type == \"network\")).path = \"$T/net\"" \
		'ip -o addr; ip -o link'
	touch net
	in_net 'touch "$T/net"
		unshare -n sh -c "ip link add eth0 type veth peer name eth1; ip link add eth3 type veth peer name eth4; mount --bind /proc/self/ns/net $T/net"
		ip link add out0 type veth peer name peer0
		ip addr add 10.9.8.7/24 dev out0
		"$CEDE" --root "$ROOT" run -b b "$TAG-a"'
	eq "exit status" "$STATUS" 0
	like "its name and address" "$OUT" 'eth2 .*inet 10.9.8.7/24'
	config b '.linux.netDevices = {out0: {name: "eth1"}}'
	in_net 'ip link add out0 type veth peer name peer0
		"$CEDE" --root "$ROOT" run -b b "$TAG-a" || echo status $?
		ip -o link'
	like "the refusal" "$ERR" 'linux.netDevices.out0: the container has a device eth1 already'
	like "it stays outside" "$OUT" $'status 1\n.*out0'
	umount "$T/net"
}

# createRuntime hooks find the devices in place; they also come with create, and with a user namespace.
# needs: root command:ip veth userns
test_hooks_and_userns() {
	net_bundle b ".linux.netDevices = {out0: {name: \"eth0\"}} | .linux.namespaces += [{type: \"user\"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings
		| .hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"nsenter -t \$(jq .pid) -n ip -o addr show eth0 >$T/seen\"],
			env: [\"PATH=$PATH\"]}]" 'ip -o addr show eth0'
	in_net 'ip link add out0 type veth peer name peer0
		ip addr add 10.9.8.7/24 dev out0
		"$CEDE" --root "$ROOT" create -b b "$TAG-a" >said 2>&1
		"$CEDE" --root "$ROOT" start "$TAG-a"
		until "$CEDE" --root "$ROOT" state "$TAG-a" | grep -q stopped; do sleep 0.02; done' # or its peer would go
	eq "exit status" "$STATUS" 0
	eventually 5 is_status "$TAG-a" stopped
	like "what the hook saw" "$(cat seen)" 'inet 10.9.8.7/24'
	like "what the program saw" "$(cat said)" 'inet 10.9.8.7/24'
	ok cede delete "$TAG-a"
}

# A creation that fails leaves the devices as they were: names, numbers, addresses, up or down.
# needs: root command:ip veth
test_back_after_a_failure() {
	local failure net="unshare -n sh -c \"mount --bind /proc/self/ns/net $T/net\""
	touch net
	net_bundle b '.linux.netDevices = {out0: {name: "eth0"}, out1: {}}' true
	cp b/config.json plain
	while read -r status failure; do
		cp plain b/config.json
		config b "$failure"
		in_net "$net"'
			ip link add out0 mtu 1400 type veth peer name peer0
			ip link add out1 type veth peer name peer1
			ip link set out0 up
			ip addr add 10.9.8.7/24 brd + dev out0
			ip addr add 10.9.9.7/24 dev out1
			look() { ip -o link | cut -d" " -f1-5,7-; ip -o -4 addr; }
			look >before
			"$CEDE" --root "$ROOT" run -b b "$TAG-a" && exit 99 || echo status $?
			look | diff before - >&2
			umount '"$T/net"
		eq "exit status with $failure (see $ERR)" "$STATUS" 0
		eq "the run, $failure" "$OUT" "status $status"
	done <<-END
		1 .hooks.createRuntime = [{path: "/bin/false"}]
		1 .hooks.createContainer = [{path: "/bin/false"}]
		127 .process.args = ["/nosuchprogram"]
		1 .linux.netDevices.nosuch0 = {}
		1 (.linux.namespaces[] | select(.type == "network")).path = "$T/net" | .hooks.createRuntime = [{path: "/bin/false"}]
	END
}

# Devices that are not there or cannot be moved, names that are none, two that want the same one.
# needs: root
test_refusals() {
	net_bundle b '.linux.netDevices = {nosuch0: {}}' true
	fails 1 "linux.netDevices.nosuch0: there is no such device in the runtime's network namespace" cede run -b b "$TAG-a"
	config b '.linux.netDevices = {lo: {name: "eth0"}}'
	in_net '"$CEDE" --root "$ROOT" run -b b "$TAG-a"'
	eq "exit status" "$STATUS" 1
	like "lo" "$ERR" 'linux.netDevices.lo: move it into the container .*Invalid argument'
	config b '.linux.netDevices = {a0: {name: "x"}, b0: {name: "x"}}'
	fails 1 'linux.netDevices.b0: the name "x" is taken by "a0"' cede run -b b "$TAG-a"
	config b '.linux.netDevices = {a0: {name: "%dx"}}'
	fails 1 'linux.netDevices.a0.name: "%dx" is not a name for a network device' cede run -b b "$TAG-a"
	config b '.linux.netDevices = {a0: {name: "a name that is too long"}}'
	fails 1 'linux.netDevices.a0.name: .* is not a name for a network device' cede run -b b "$TAG-a"
	config b '.linux.netDevices = {a0: "eth0"}'
	fails 1 'linux.netDevices.a0: expected object, found string' cede run -b b "$TAG-a"
	config b '.linux.netDevices = ["a0"]'
	fails 1 'linux.netDevices: expected object, found array' cede run -b b "$TAG-a"
	config b '.linux.netDevices = {a0: {}} | .linux.namespaces |= map(select(.type != "network"))'
	fails 1 'linux.netDevices: needs a network namespace' cede run -b b "$TAG-a"
}
