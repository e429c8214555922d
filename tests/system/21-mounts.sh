# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The root filesystem and what is mounted in it.

# mount OPTIONS of DESTINATION, from the container's own mountinfo in $OUT: per-mount and superblock.
options_of() {
	awk -v d="$1" '$5 == d { o = $6; for (i = 7; i <= NF; i++) if ($i == "-") { print o " " $(i + 1) " " $(i + 3) } }' <<<"$OUT" | tail -n 1
}

# The default bundle's mounts are there, with the options that were asked for.
test_default_mounts() {
	in_container -- cat /proc/self/mountinfo
	like /proc "$(options_of /proc)" '^rw.* proc '
	like /dev "$(options_of /dev)" 'nosuid.* tmpfs .*size=65536k.*mode=755|nosuid.* tmpfs .*mode=755.*size=65536k|nosuid.* tmpfs .*size=65536k'
	like /dev/pts "$(options_of /dev/pts)" 'nosuid,noexec.* devpts .*ptmxmode=666'
	like /dev/shm "$(options_of /dev/shm)" 'nosuid,nodev,noexec.* tmpfs '
	like /dev/mqueue "$(options_of /dev/mqueue)" 'nosuid,nodev,noexec.* mqueue '
	like /sys "$(options_of /sys)" '^ro,nosuid,nodev,noexec.* sysfs '
}

# pivot_root: nothing of the host is mounted, the root is a mount of its own, `..` goes nowhere.
test_pivot_root() {
	in_container -- sh -c 'awk "{ print \$5 }" /proc/self/mountinfo; cd /; cd ../../..; ls'
	unlike "mounts" "$OUT" "$T"
	unlike "directories" "$OUT" $'\n'home
	like "directories" "$OUT" $'\nbin'
	eq "mounts on /" "$(grep -cx / <<<"$OUT")" 1
}

# --no-pivot: the same view, for hosts whose root is a ramfs.
test_no_pivot() {
	bundle b '.process.args = ["sh", "-c", "cd /; cd ../..; ls -d bin; ls /proc/self/fd | wc -l"]'
	ok cede run --no-pivot -b b "$TAG-a"
	like "directories" "$OUT" '^bin'
}

# root.readonly: the root cannot be written, mounts below it still can.
test_readonly_root() {
	in_container '.root.readonly = true' -- sh -c 'touch /file 2>/dev/null || echo refused; touch /dev/shm/file && echo written; grep " / / " /proc/self/mountinfo | head -n 1; awk "\$5 == \"/\" { print \$6 }" /proc/self/mountinfo'
	like "root" "$OUT" $'^refused\nwritten'
	like "root's options" "${OUT##*$'\n'}" '^ro'
}

# Bind mounts: rbind and bind, ro and rw, of a directory and of a file; destinations are made.
test_bind() {
	mkdir -p src/sub
	echo data >src/file
	mount -t tmpfs cede-test src/sub
	echo deep >src/sub/deep
	in_container ".mounts += [
		{destination: \"/new/bind\", type: \"none\", source: \"$T/src\", options: [\"bind\", \"ro\"]},
		{destination: \"/rbind\", type: \"bind\", source: \"$T/src\", options: [\"rbind\"]},
		{destination: \"/new/file\", source: \"$T/src/file\", options: [\"bind\"]}]" -- \
		sh -c 'cat /new/bind/file /new/file; ls /new/bind/sub | wc -l; cat /rbind/sub/deep; touch /new/bind/x 2>/dev/null || echo refused; echo written >/rbind/w; echo more >/new/file'
	umount src/sub
	eq "what it saw" "$OUT" $'data\ndata\n0\ndeep\nrefused'
	eq "written through rbind" "$(cat src/w)" written
	eq "written through the file" "$(cat src/file)" more
}

# src-nofollow binds a link itself; dest-nofollow mounts over a link, where it is followed otherwise (inside
# the root). copy-symlink makes the link again.
test_nofollow() {
	echo data >file
	ln -s "$T/file" link
	# shellcheck disable=SC2016 # the container's shell
	bundle b ".process.args = [\"sh\", \"-c\", \"for l in /a /c /d; do readlink \$l; done; cat /to /e\"] | .mounts += [
		{destination: \"/a\", source: \"$T/link\", options: [\"bind\", \"src-nofollow\"]},
		{destination: \"/b\", source: \"$T/file\", options: [\"bind\"]},
		{destination: \"/c\", source: \"$T/link\", options: [\"bind\", \"copy-symlink\"]},
		{destination: \"/e\", source: \"$T/file\", options: [\"bind\", \"dest-nofollow\", \"src-nofollow\"]}]"
	touch b/rootfs/to b/rootfs/other
	ln -s to b/rootfs/b
	ln -s other b/rootfs/e
	ln -s stays b/rootfs/d
	ok cede run -b b "$TAG-a"
	eq "links and files" "$OUT" "$T/file"$'\n'"$T/file"$'\nstays\ndata\ndata'
	eq "what the link at /e leads to" "$(cat b/rootfs/other)" ""
	config b '.mounts[-1] = {destination: "/x", type: "tmpfs", options: ["dest-nofollow"]}'
	fails 1 'mounts\[[0-9]+\] \(/x\): dest-nofollow is for bind mounts' cede run -b b "$TAG-a"
	config b '.mounts[-1] = {destination: "/x", type: "tmpfs", options: ["src-nofollow"]}'
	fails 1 'mounts\[[0-9]+\] \(/x\): src-nofollow is for bind mounts' cede run -b b "$TAG-a"
}

# A relative bind source is relative to the bundle.
test_bind_relative() {
	mkdir -p in/data
	bundle in2 '.process.args = ["cat", "/data/file"] | .mounts += [{destination: "/data", source: "data", options: ["bind"]}]'
	mkdir -p in2/data
	echo relative >in2/data/file
	ok cede run -b "$T/in2" "$TAG-a"
	eq "file" "$OUT" relative
}

# ro on an rbind leaves the mounts below it writable; rro does not.
test_recursive_readonly() {
	mkdir -p src/sub
	mount -t tmpfs cede-test src/sub
	in_container ".mounts += [
		{destination: \"/ro\", source: \"$T/src\", options: [\"rbind\", \"ro\"]},
		{destination: \"/rro\", source: \"$T/src\", options: [\"rbind\", \"rro\"]},
		{destination: \"/rrw\", source: \"$T/src\", options: [\"rbind\", \"rro\", \"rrw\"]}]" -- \
		sh -c 'for d in ro ro/sub rro rro/sub; do if touch /$d/x 2>/dev/null; then echo $d; fi; done'
	umount src/sub
	eq "writable" "$OUT" "ro/sub"
}

# nosuid, nodev, noexec, noatime and friends, and their opposites; the last one counts.
test_options() {
	mkdir src
	in_container ".mounts += [
		{destination: \"/a\", source: \"$T/src\", options: [\"bind\", \"nosuid\", \"nodev\", \"noexec\", \"noatime\", \"ro\"]},
		{destination: \"/b\", source: \"$T/src\", options: [\"bind\", \"nosuid\", \"suid\", \"ro\", \"rw\", \"noexec\", \"exec\"]},
		{destination: \"/c\", type: \"tmpfs\", source: \"tmpfs\", options: [\"size=1m\", \"mode=700\", \"nosymfollow\", \"nodiratime\", \"strictatime\"]}]" -- \
		sh -c 'cat /proc/self/mountinfo; stat -c mode=%a /c'
	like /a "$(options_of /a)" '^ro,nosuid,nodev,noexec,noatime'
	unlike /b "$(options_of /b)" '(nosuid|noexec|ro,)'
	like /c "$(options_of /c)" 'nosymfollow.* tmpfs .*size=1024k'
	like "mode of /c" "$OUT" 'mode=700'
}

# noexec and nodev are not only shown: the kernel holds to them.
test_options_have_effect() {
	mkdir src
	cp "$ROOTFS/bin/busybox" src/true
	mknod src/null c 1 3
	in_container ".mounts += [{destination: \"/a\", source: \"$T/src\", options: [\"bind\", \"noexec\", \"nodev\"]}]" -- \
		sh -c '/a/true 2>/dev/null || echo not executed; cat /a/null 2>/dev/null || echo not opened'
	eq "effects" "$OUT" $'not executed\nnot opened'
}

# Propagation: the default keeps the host's mounts out and the container's in; rslave lets new ones in.
test_propagation() {
	mkdir -p src/sub
	mount --bind src src
	mount --make-shared src
	bundle b ".process.args = [\"sh\", \"-c\", \"touch /ready; while [ ! -e /go ]; do sleep 0.05; done; ls /slave/sub /private/sub\"] | .mounts += [
		{destination: \"/private\", source: \"$T/src\", options: [\"rbind\", \"rprivate\"]},
		{destination: \"/slave\", source: \"$T/src\", options: [\"rbind\", \"rslave\"]}]"
	ok cede create -b b "$TAG-a"
	ok cede delete -f "$TAG-a"
	exec_cede run -b b "$TAG-a" >out 2>err &
	eventually 5 test -e b/rootfs/ready
	mount -t tmpfs cede-test src/sub
	: >src/sub/seen
	: >b/rootfs/go
	wait $! || die "run: $(cat err)"
	umount src/sub
	umount src
	eq "what each saw" "$(tr -s '\n' ' ' <out)" "/private/sub: /slave/sub: seen "
}

# rootfsPropagation reaches the container's root.
test_rootfs_propagation() {
	in_container '.linux.rootfsPropagation = "shared"' -- sh -c 'awk "\$5 == \"/\"" /proc/self/mountinfo'
	like "shared" "$OUT" 'shared:'
	in_container '.linux.rootfsPropagation = "slave"' -- sh -c 'awk "\$5 == \"/\"" /proc/self/mountinfo'
	unlike "slave" "$OUT" 'shared:'
	in_container '.linux.rootfsPropagation = "private"' -- sh -c 'awk "\$5 == \"/\"" /proc/self/mountinfo'
	unlike "private" "$OUT" '(shared|master):'
	in_container -- cat /proc/self/mountinfo
	unlike "default" "$OUT" 'shared:'
}

# Mounts made inside a container do not reach the host.
test_mounts_stay_inside() {
	in_container '(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_SYS_ADMIN"] | .root.readonly = false' -- \
		sh -c 'mount -t tmpfs x /tmp && grep -c " /tmp " /proc/self/mountinfo'
	eq "mounted inside" "$OUT" 1
}

# Masked paths: files read empty, directories are empty and read-only; paths that are missing are fine.
test_masked_paths() {
	in_container '.linux.maskedPaths = ["/proc/version", "/etc", "/no/such", "/secret"] | .root.readonly = false' -- \
		sh -c 'cat /proc/version; ls /etc; touch /etc/x 2>/dev/null || echo refused; cat /proc/version | wc -c'
	eq "what it saw" "$OUT" $'refused\n0'
}

# Read-only paths cannot be written; the default bundle protects /proc/sys and /proc/sysrq-trigger.
test_readonly_paths() {
	in_container '.linux.readonlyPaths += ["/etc", "/no/such"]' -- \
		sh -c 'touch /etc/x 2>/dev/null || echo etc refused; echo b 2>/dev/null >/proc/sysrq-trigger || echo sysrq refused; echo 1 2>/dev/null >/proc/sys/vm/drop_caches || echo sysctl refused; cat /etc/passwd | head -c 4'
	eq "what it saw" "$OUT" $'etc refused\nsysrq refused\nsysctl refused\nroot'
}

# Links in the root filesystem lead nowhere outside it: destinations are resolved inside the root.
test_symlinks_stay_inside() {
	mkdir -p outside src
	echo inside >src/file
	bundle b ".process.args = [\"cat\", \"/real/dir/file\"] | .mounts += [{destination: \"/link/dir\", source: \"$T/src\", options: [\"bind\"]}]"
	ln -s ../../../../../../../../../../real b/rootfs/link
	mkdir -p b/rootfs/real
	ok cede run -b b "$TAG-a"
	eq "file" "$OUT" inside
	bundle c ".process.args = [\"true\"] | .mounts += [{destination: \"/evil/made\", source: \"$T/src\", options: [\"bind\"]}]"
	ln -s "$T/outside" c/rootfs/evil
	run cede run -b c "$TAG-b"
	[ -z "$(ls -A outside)" ] || die "something was made outside the root: $(ls -A outside)"
}

# /proc and /sys may not be mounted through links of the image (CVE-2019-19921, 2023-27561).
test_proc_symlink_refused() {
	bundle b '.process.args = ["true"]'
	rmdir b/rootfs/proc
	mkdir b/rootfs/fake
	ln -s fake b/rootfs/proc
	run cede run -b b "$TAG-a"
	[ "$STATUS" != 0 ] || die "/proc was mounted through a symbolic link"
	eq "lines of error" "$(wc -l <"$T.err")" 1
}

# A /dev that is a link of the image does not lead device nodes out (CVE-2026-41579 and its family).
test_dev_symlink() {
	mkdir outside
	bundle b '.process.args = ["true"] | .mounts |= map(select(.destination | startswith("/dev") | not))'
	rm -rf b/rootfs/dev
	ln -s "$T/outside" b/rootfs/dev
	run cede run -b b "$TAG-a"
	[ -z "$(ls -A outside)" ] || die "nodes were made outside the root: $(ls -A outside)"
}

# A masked path whose /dev/null is the image's own link does not unmask it (CVE-2025-31133).
test_mask_with_evil_dev_null() {
	bundle b '.process.args = ["sh", "-c", "cat /etc/secret | wc -c"] | .mounts |= map(select(.destination | startswith("/dev") | not)) | .linux.maskedPaths = ["/etc/secret"]'
	echo secret >b/rootfs/etc/secret
	rm -f b/rootfs/dev/null
	ln -s /etc/passwd b/rootfs/dev/null
	run cede run -b b "$TAG-a"
	[ "$STATUS" != 0 ] || eq "bytes of the masked file" "$OUT" 0
}

# tmpcopyup fills a tmpfs with what it hides; the original stays as it was.
test_tmpcopyup() {
	in_container '.mounts += [{destination: "/etc", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "mode=755"]}]' -- \
		sh -c 'cat /etc/passwd | head -c 4; echo; echo x >>/etc/passwd && echo written'
	eq "what it saw" "$OUT" $'root\nwritten'
	unlike "the original" "$(cat in/rootfs/etc/passwd)" x$
}

# An overlay mount with its options.
test_overlay() {
	mkdir -p lower upper work
	echo low >lower/file
	grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || skip "the overlay filesystem"
	# upperdir must not be an overlay itself; a tmpfs serves everywhere.
	mount -t tmpfs cede-test upper
	mkdir upper/u upper/w
	in_container ".mounts += [{destination: \"/o\", type: \"overlay\", source: \"overlay\", options: [\"lowerdir=$T/lower\", \"upperdir=$T/upper/u\", \"workdir=$T/upper/w\"]}]" -- \
		sh -c 'cat /o/file; echo up >/o/new'
	local up
	up=$(cat upper/u/new)
	umount upper
	eq "lower file" "$OUT" low
	eq "upper file" "$up" up
}

# The cgroup mount shows the container's own group as its root, read-only in the default bundle.
# needs: root cgroup2
test_cgroup_mount() {
	in_container -- sh -c 'cat /proc/self/cgroup | grep "^0::"; grep cgroup2 /proc/self/mountinfo; ls /sys/fs/cgroup/cgroup.procs; mkdir /sys/fs/cgroup/x 2>/dev/null || echo refused'
	like "own group" "$OUT" '^0::/'$'\n'
	like "mount" "$OUT" '/sys/fs/cgroup ro'
	like "files" "$OUT" '/sys/fs/cgroup/cgroup.procs'
	like "readonly" "$OUT" 'refused'
}

# Unknown types, options that contradict the mount, missing sources: each is named.
test_refusals() {
	bundle b '.mounts += [{destination: "/a", type: "nosuchfs", source: "x"}]'
	fails 1 '(nosuchfs|/a)' cede run -b b "$TAG-a"
	bundle c '.mounts += [{destination: "/a", type: "bind", source: "/no/such/dir", options: ["bind"]}]'
	fails 1 '/no/such/dir' cede run -b c "$TAG-a"
	bundle d '.mounts += [{destination: "/a", type: "tmpfs", source: "tmpfs", options: ["size=banana"]}]'
	fails 1 '(/a|banana)' cede run -b d "$TAG-a"
	bundle e '.mounts += [{type: "tmpfs", source: "tmpfs"}]'
	fails 1 'mounts\[[0-9]+\].*destination' cede run -b e "$TAG-a"
	bundle f '.root.path = "nosuchroot"'
	fails 1 'nosuchroot' cede run -b f "$TAG-a"
	bundle g '.mounts += [{destination: "/etc/passwd", type: "tmpfs", source: "tmpfs"}]'
	fails 1 '/etc/passwd' cede run -b g "$TAG-a"
	bundle h '.mounts += [{destination: "/etc/passwd/sub", type: "tmpfs", source: "tmpfs"}]'
	fails 1 '/etc/passwd' cede run -b h "$TAG-a"
}

# A bundle whose root has CAP_SYS_ADMIN in a user namespace of its own, and a source below $T/src: read-only,
# nosuid, nodev and noexec on the host, hiding a file below another mount. Commands run as `in_userns [FILTER] -- ...`.
userns_source() {
	mkdir -p src/sub src/plain
	mount -t tmpfs -o nosuid,nodev,noexec cede-test src
	mkdir src/sub src/plain
	echo hidden >src/sub/secret
	mount -t tmpfs cede-test src/sub
	mount -o remount,bind,ro src
}
in_userns() {
	local filter=.
	[ "$1" = -- ] || { filter=$1; shift; }
	shift
	rm -rf "$T/in"
	# shellcheck disable=SC2016 # jq's variables
	bundle "$T/in" ".process.args = \$ARGS.positional
		| (.process.capabilities | .bounding, .effective, .permitted) += [\"CAP_SYS_ADMIN\"]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings
		| .linux.namespaces += [{type: \"user\"}] | $filter" --args -- "$@"
	chown -R 100000:100000 "$T/in/rootfs"
	put "$T/in" mounts
	ok cede run -b "$T/in" "$TAG-in"
}

# With a user namespace, its root can neither uncover what an rbind's submount hides nor move it away.
# needs: root userns
test_userns_submounts_locked() {
	userns_source
	in_userns ".mounts += [{destination: \"/r\", source: \"$T/src\", options: [\"rbind\"]}, {destination: \"/b\", source: \"$T/src\", options: [\"bind\"]}]" -- \
		mounts umount /r/sub detach /r/sub move /r/sub bind /r rbind /r umount /at/sub detach /at umount /b detach /r
	eq "attacks" "$OUT" "umount /r/sub EINVAL
detach /r/sub EINVAL
move /r/sub EINVAL
bind /r EINVAL
rbind /r OK
umount /at/sub EINVAL
detach /at OK
umount /b OK
detach /r OK"
	umount src/sub
	umount src
}

# With a user namespace, no sysfs can be mounted where something hides a part of the host's, or with the
# host's network: the container gets the host's, as it is and read-only.
# Where nodes cannot be made, the host's are bound, whatever their names are there.
# needs: root userns
test_userns_devices() {
	in_userns '.linux.devices = [{path: "/dev/sub/nothing", type: "c", major: 1, minor: 3}, {path: "/dev/zero", type: "c", major: 1, minor: 8}]' -- \
		sh -c 'stat -c "%n %t:%T" /dev/sub/nothing /dev/zero; echo x >/dev/sub/nothing && head -c 3 /dev/zero | wc -c'
	eq "what it saw" "$OUT" "/dev/sub/nothing 1:3
/dev/zero 1:8
3"
	# One that the machine does not have, then one that another's name would be taken for.
	config in '.linux.devices = [{path: "/dev/nosuch", type: "c", major: 511, minor: 99}]'
	fails 1 'mount /dev/nosuch: open /dev/nosuch: No such file' cede run -b in "$TAG-a"
	config in '.linux.devices[0].path = "/dev/null"'
	fails 1 '/dev/null is not the device c 511:99' cede run -b in "$TAG-a"
}

# needs: root userns
test_userns_sysfs() {
	# shellcheck disable=SC2016 # awk's fields
	local look='$5 == "/sys" { print $(NF - 2) } $5 ~ "^/sys(/|$)" && $6 !~ "^ro,nosuid,nodev,noexec" { print "open:", $5 }'
	mount -t tmpfs tmpfs /sys/kernel/mm
	touch /sys/kernel/mm/hidden
	in_userns ".linux.maskedPaths = []" -- sh -c "awk '$look' /proc/self/mountinfo; ls /sys/kernel/mm /sys/class/net/lo/mtu"
	eq "where a part is hidden" "$OUT" $'sysfs\n/sys/class/net/lo/mtu\n\n/sys/kernel/mm:\nhidden'
	umount /sys/kernel/mm
	in_userns '.linux.namespaces |= map(select(.type != "network"))' -- sh -c "awk '$look' /proc/self/mountinfo; ls /sys/class/net | wc -l"
	eq "with the host's network" "$OUT" "sysfs"$'\n'"$(find /sys/class/net -mindepth 1 | wc -l)"
	in_userns ".mounts |= map(select(.destination != \"/sys/fs/cgroup\"))" -- ls /sys/class/net
	eq "a sysfs of its own" "$OUT" lo
}

# With a user namespace, whose root may not be let into the directories above the bundle: its sources were
# opened before. Hooks in the container still see the host, the container does not.
# needs: root userns
test_userns_private_bundle() {
	local how
	mkdir -m 700 private
	bundle private/b '.process.args = ["sh", "-c", "touch /made; ls -d /made /proc/self /boot /../boot 2>/dev/null; cut -d\" \" -f5 /proc/self/mountinfo | grep -cx /"]
		| .linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings
		| .hooks.createContainer = [{path: "/bin/sh", args: ["sh", "-c", "ls -d /boot >\($t)/hook"]}]' --arg t "$T"
	chown -R 100000:100000 private/b/rootfs
	for how in --no-pivot=false --no-pivot; do
		install -m 666 /dev/null hook
		chmod 755 "$T"
		ok cede run $how -b private/b "$TAG-a"
		eq "output with $how" "$OUT" $'/made\n/proc/self\n1'
		eq "what the hook saw" "$(cat hook)" /boot
	done
}

# With a user namespace, what the host or the document forbids on a bind mount cannot be lifted: not by
# mount(2), not by mount_setattr(2), not on a copy.
# needs: root userns
test_userns_flags_locked() {
	local how flag want=""
	userns_source
	mkdir plain
	in_userns ".root.readonly = true | .mounts += [{destination: \"/r\", source: \"$T/src\", options: [\"rbind\"]},
		{destination: \"/b\", source: \"$T/src/plain\", options: [\"bind\"]},
		{destination: \"/d\", source: \"$T/plain\", options: [\"bind\", \"ro\", \"nosuid\", \"nodev\", \"noexec\"]}]" -- \
		mounts lift /r lift /b lift /d copylift /r writes /r writes /b writes /d writes /r/sub
	for how in lift\ /{r,b,d}\ {remount,setattr} copylift\ /r\ setattr; do
		for flag in ro nosuid nodev noexec; do want+="$how,$flag EPERM"$'\n'; done
	done
	eq "attacks" "$OUT" "${want}writes /r EROFS
writes /b EROFS
writes /d EROFS
writes /r/sub OK"
	umount src/sub
	umount src
}

# Without a user namespace nothing is locked: the container's root is the host's, and may.
test_no_userns_no_locks() {
	userns_source
	in_container "(.process.capabilities | .bounding, .effective, .permitted) += [\"CAP_SYS_ADMIN\"] | .mounts += [{destination: \"/r\", source: \"$T/src\", options: [\"rbind\"]}]" -- true
	put "$T/in" mounts
	config "$T/in" '.process.args = ["mounts", "umount", "/r/sub", "lift", "/r"]'
	ok cede run -b "$T/in" "$TAG-in"
	unlike "attacks" "$OUT" 'E[A-Z]+'
	umount src/sub
	umount src
}

# Locks do not get in the way of the other options: a read-only root whose mount points are missing, id
# mappings, atime, propagation, a mount that is not recursive on a directory with mounts, masks.
# needs: root userns
test_userns_mounts() {
	userns_source
	mkdir plain
	echo data >plain/file
	chmod 600 plain/file
	in_userns ".root.readonly = true | .linux.maskedPaths = [\"/p/file\"] | .mounts += [
		{destination: \"/no/such/r\", source: \"$T/src\", options: [\"bind\", \"noatime\"]},
		{destination: \"/s\", source: \"$T/src\", options: [\"rbind\", \"rshared\"]},
		{destination: \"/u\", source: \"$T/src\", options: [\"rbind\", \"runbindable\"]},
		{destination: \"/rw\", source: \"$T/src\", options: [\"rbind\", \"rrw\", \"rexec\"]},
		{destination: \"/p\", source: \"$T/plain\", options: [\"bind\"]},
		{destination: \"/i\", source: \"$T/plain\", options: [\"bind\", \"idmap\"]}]" -- \
		sh -c 'cat /proc/self/mountinfo; cat /i/file; ls /no/such/r/sub; wc -c </p/file; touch /x 2>/dev/null || echo refused'
	like "/no/such/r" "$(options_of /no/such/r)" '^ro,nosuid,nodev,noexec,noatime'
	like "/rw" "$(options_of /rw)" '^rw,nosuid,nodev,relatime'
	like "/s" "$(awk '$5 == "/s"' <<<"$OUT")" 'shared:'
	like "/u" "$(awk '$5 == "/u/sub"' <<<"$OUT")" 'unbindable'
	eq "what it saw" "$(tail -n 4 <<<"$OUT")" $'data\nsecret\n0\nrefused'
	umount src/sub
	umount src
}

# A user namespace that is joined locks as well; a mount namespace's own file is refused, not replaced.
# needs: root userns
test_userns_joined_locked() {
	local pid
	userns_source
	in_userns -- true
	config in '.process.args = ["sleep", "1000"]'
	ok cede run -d -b in "$TAG-a"
	pid=$(pid_of "$TAG-a")
	mv in keeper
	in_userns "del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(if .type == \"user\" then .path = \"/proc/$pid/ns/user\" else . end)
		| .mounts += [{destination: \"/r\", source: \"$T/src\", options: [\"rbind\"]}]" -- mounts umount /r/sub lift /r
	like "umount" "$OUT" '^umount /r/sub EINVAL'
	unlike "lifted" "$OUT" 'OK'
	mkdir ns
	mount -t tmpfs cede-test ns # where it may be bound: not below a shared mount
	mount --make-private ns
	: >ns/mnt
	# The kernel allows that only where it can tell that the one namespace is younger than the other.
	if unshare --mount="$T/ns/mnt" true 2>/dev/null; then
		config in ".mounts |= map(if .destination == \"/r\" then .source = \"$T/ns/mnt\" else . end)"
		fails 1 'mount /r: (attach: (Too many|Symbolic link loop)|.*user namespace)' cede run -b in "$TAG-b"
		umount ns/mnt
	fi
	umount ns
	ok cede delete -f "$TAG-a"
	umount src/sub
	umount src
}
