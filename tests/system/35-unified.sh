# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The core once more where cgroup v2 has its controllers: other code runs there than on a hybrid host,
# which does the same tests with what it has.

# again FILE FUNCTION
again() {
	# shellcheck disable=SC1090
	source "$TOP/tests/system/$1"
	"$2"
}

# All stages of a container's life.
# needs: root controller:cpu controller:memory
test_stages() { again 10-lifecycle.sh test_stages; }

# exec.
# needs: root controller:cpu controller:memory
test_exec() { again 10-lifecycle.sh test_exec; }

# A container that has made a tree of its own, as systemd does: exec goes where init is.
# needs: root controller:pids controller:memory
test_exec_below() {
	bundle b '.process.args = ["sh", "-c", "mkdir /sys/fs/cgroup/init && echo 1 >/sys/fs/cgroup/init/cgroup.procs && echo +memory +pids >/sys/fs/cgroup/cgroup.subtree_control && exec sleep 1000"]
		| (.mounts[] | select(.type == "cgroup") | .options) -= ["ro"]'
	ok cede run -d -b b "$TAG-a"
	eventually 10 sh -c "grep -q sleep /proc/$(pid_of "$TAG-a")/comm"
	ok cede exec "$TAG-a" cat /proc/self/cgroup
	eq "its group" "$OUT" "0::/init"
	ok cede exec --cgroup /init "$TAG-a" cat /proc/self/cgroup
	eq "its group, by name" "$OUT" "0::/init"
	fails 1 'Resource busy' cede exec --cgroup / "$TAG-a" true
	ok cede delete --force "$TAG-a"
}

# kill --all and what is left of a container without a pid namespace.
# needs: root controller:cpu controller:memory
test_kill_all() { again 10-lifecycle.sh test_kill_all; }

# pause, resume, and killing what is paused.
# needs: root controller:cpu controller:memory
# timeout: 40
test_pause() {
	again 10-lifecycle.sh test_pause_resume
	rm -rf b
	again 10-lifecycle.sh test_kill_paused
}

# A user namespace, with a group that belongs to its root.
# needs: root controller:cpu controller:memory userns
test_user_namespace() { again 20-namespaces.sh test_user_namespace; }

# The device controller.
# needs: root controller:cpu controller:memory
test_device_rules() { again 22-process.sh test_device_rules; }

# launch: output, status, born idle.
# needs: root controller:cpu controller:memory
test_launch() {
	again 40-launch.sh test_status_and_output
	again 40-launch.sh test_born_idle
}

# kill -9 of launch at any moment, on a group with limits.
# needs: root controller:cpu controller:memory
# timeout: 60
test_killed_launch() {
	# shellcheck disable=SC1091
	source "$TOP/tests/system/51-killed.sh"
	rounds 10 $((50 * SLOW)) "$CEDE" --root "$ROOT" launch --name "$TAG-k" --cpus 1 --memory 64M -- sleep 1000
}

# The job yields and comes back, capped by cpu.max.
# needs: root controller:cpu controller:memory
# timeout: 90
# alone
test_yields_and_returns() { again 41-scheduler.sh test_yields_and_returns; }

# A user's pause is the user's.
# needs: root controller:cpu controller:memory
# timeout: 90
# alone
test_user_pause() { again 41-scheduler.sh test_user_pause_is_respected; }

# Another launcher takes over.
# needs: root controller:cpu controller:memory
# timeout: 120
# alone
test_takeover() { again 41-scheduler.sh test_takeover; }

# --on-pressure kill.
# needs: root controller:cpu controller:memory
# timeout: 90
# alone
test_on_pressure_kill() { again 41-scheduler.sh test_on_pressure_kill; }
