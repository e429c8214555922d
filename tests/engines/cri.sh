# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A client of the Kubernetes runtime interface (CRI), as the kubelet is one: gRPC with curl, and the few
# messages of runtime.v1 that the tests need made by hand. A message in the making is hexadecimal text; the
# numbers are those of the fields in cri-api's api.proto.

CRI_SOCKET=/run/containerd/containerd.sock
CRI_LIMIT=180 # seconds for one call, a machine that is emulated included

pb_hex() { od -An -v -tx1 | tr -d ' \n'; }
pb_varint() {
	local n=$1
	while ((n > 127)); do
		printf %02x $((n & 127 | 128))
		n=$((n >> 7))
	done
	printf %02x "$n"
}
pb_int() { # FIELD NUMBER
	pb_varint $(($1 << 3))
	pb_varint "$2"
}
pb_msg() { # FIELD HEX...: a message in a message
	local field=$1 IFS='' m
	shift
	m=$*
	pb_varint $((field << 3 | 2))
	pb_varint $((${#m} / 2))
	printf %s "$m"
}
pb_str() { pb_msg "$1" "$(printf %s "$2" | pb_hex)"; } # FIELD TEXT
pb_bytes() { printf %b "$(sed 's/../\\x&/g')"; }        # what the hexadecimal text on stdin says

# cri METHOD HEX...: calls; $ANSWER is the message that came back. What the server has to say against it
# goes to stderr.
cri() {
	local method=$1 IFS='' m
	shift
	m=$*
	printf '00%08x%s' $((${#m} / 2)) "$m" >"$T.message"
	pb_bytes <"$T.message" >"$T.request"
	curl -sS --max-time "$CRI_LIMIT" --unix-socket "$CRI_SOCKET" --http2-prior-knowledge \
		-H 'content-type: application/grpc' -H 'te: trailers' --data-binary "@$T.request" \
		-D "$T.headers" -o "$T.answer" "http://localhost/runtime.v1.RuntimeService/$method" || return
	if ! tr -d '\r' <"$T.headers" | grep -qx 'grpc-status: 0'; then
		tr -d '\r' <"$T.headers" | grep '^grpc-' >&2
		return 1
	fi
	ANSWER=$(tail -c +6 "$T.answer" | pb_hex)
}

# Takes a number from the front of $m into $n.
pb_take() {
	local byte=128 shift=0
	n=0
	while ((byte > 127)); do
		byte=$((16#${m:0:2}))
		m=${m:2}
		n=$((n | (byte & 127) << shift))
		shift=$((shift + 7))
	done
}

# pb_get FIELD...: the value of the last field in the messages of those before it, from $ANSWER: a number,
# or hexadecimal text. Of several the last one, and 0 for what is not there, which is how zero is sent.
pb_get() {
	local m=$ANSWER want n key v value=''
	for want; do
		value=''
		while [ -n "$m" ]; do
			pb_take
			key=$n
			case $((key & 7)) in
			0)
				pb_take
				v=$n
				;;
			1) v=${m:0:16} m=${m:16} ;;
			2)
				pb_take
				v=${m:0:n*2} m=${m:n*2}
				;;
			5) v=${m:0:8} m=${m:8} ;;
			*) die "no protobuf: ...$m" ;;
			esac
			[ $((key >> 3)) != "$want" ] || value=$v
		done
		m=$value
	done
	printf %s "${value:-0}"
}
pb_text() { pb_get "$@" | pb_bytes; } # of what is there
