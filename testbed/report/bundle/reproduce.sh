#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Boots the guest that lies beside this file, runs the workload in it, and says whether what was seen shows again.
# Needs QEMU and a shell's usual small tools; README.md says more.
# shellcheck disable=SC2317,SC2329 # signs are called by name
set -u
LC_ALL=C
export LC_ALL

# ---- what was run ----
@WHAT@
# What a kernel says when it dies: the kind of death, and how the line begins behind the time of day.
kinds() {
	cat <<'END'
@KINDS@
END
}

# What was seen. Any of these is it.
signs() {
@SIGNS@
}

# ---- from here on the same in every bundle ----
QEMU=qemu-system-x86_64
attempts=3 accel=auto order=run.txt why='' pid='' tab=$(printf '\t')

usage() {
	echo "usage: ./reproduce.sh [-n ATTEMPTS] [-a auto|kvm|tcg] [-r FILE]"
	echo "-r FILE: what the agent is told to do, in place of run.txt"
	echo "exit code: 0 shown at least once, 1 not, 2 QEMU or a tool is missing or the files are not the bundle's,"
	echo "3 could not be judged; logs are in ./out"
}

refuse() {
	echo "reproduce.sh: $*" >&2
	exit 2
}

# Ends the QEMU that was started here, and no other.
end() {
	[ -n "$pid" ] || return 0
	kill "$pid" 2>/dev/null
	patience=5
	while kill -0 "$pid" 2>/dev/null && [ "$patience" -gt 0 ]; do
		sleep 1
		patience=$((patience - 1))
	done
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	pid=''
}

# boot ACCELERATOR FOLDER ICOUNT [ORDER]: sets pid
boot() {
	kind=$1 folder=$2 shift=$3 asked=${4:-}
	if [ "$kind" = kvm ]; then
		cpu=host watch=$WATCH_KVM
	else
		cpu=max watch=$WATCH_TCG
	fi
	set -- -name testbed -no-user-config -nodefaults -display none -accel "$kind" -cpu "$cpu,la57=$LA57" \
		-machine q35 -smp "$VCPUS" -m "${MEMORY_MIB}M" -kernel bzImage -initrd initramfs.cpio.gz \
		-append "$APPEND $watch" -chardev "file,id=console,path=$folder/console.log" -serial chardev:console \
		-chardev "file,id=data,path=$folder/agent.log" -device virtio-serial-pci \
		-device virtserialport,chardev=data,name=testbed.data -device virtio-balloon-pci,id=balloon0 \
		-device pvpanic-pci -device vmcoreinfo -action panic=none -no-reboot
	if [ -n "$shift" ]; then
		set -- "$@" -icount "shift=$shift,sleep=on"
	fi
	if [ -n "$asked" ]; then
		set -- "$@" -fw_cfg "name=opt/testbed/run,file=$asked"
	fi
	if [ -n "$HOST_CPUS" ] && command -v taskset >/dev/null 2>&1; then
		set -- taskset -c "$HOST_CPUS" "$QEMU" "$@"
	else
		set -- "$QEMU" "$@"
	fi
	rm -rf "$folder"
	mkdir -p "$folder" || refuse "$folder can't be made; copy the bundle to where you may write"
	: >"$folder/console.log"
	: >"$folder/agent.log"
	"$@" </dev/null >/dev/null 2>"$folder/qemu.stderr" &
	pid=$!
}

# told FOLDER TYPE: whether the agent has sent such a message
told() {
	grep -q "^{\"type\":\"$2\"" "$1/agent.log"
}

# complaint FOLDER: why QEMU ended, as it says
complaint() {
	grep -v ': warning: ' "$1/qemu.stderr" | sed -n '1p'
}

# KVM is proved by this very guest: there are hosts whose /dev/kvm opens and runs no guest.
choose() {
	[ "$accel" = auto ] || { why='asked for' && return; }
	accel=tcg
	if [ -n "$ICOUNT" ]; then
		why='it alone counts instructions, as was done'
	elif [ ! -e /dev/kvm ]; then
		why='kvm: /dev/kvm is not there'
	elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
		why='kvm: no permission to open /dev/kvm'
	else
		boot kvm out/kvm ''
		left=$PROOF_S why="kvm: the guest did not come up in $PROOF_S s"
		while [ "$left" -gt 0 ]; do
			sleep 1
			left=$((left - 1))
			if told out/kvm hello; then
				accel=kvm why='kvm: the guest came up'
				break
			elif ! kill -0 "$pid" 2>/dev/null; then
				why="kvm: QEMU ended: $(complaint out/kvm)"
				break
			fi
		done
		end
	fi
}

# death FOLDER: the kernel's first words of its death or damage, as KIND, TITLE and the line's number, between tabs
death() {
	over=0
	told "$1" bye && over=1
	kinds | awk -v over="$over" '
		NR == FNR {
			tab = index($0, "\t")
			kind[++kinds] = substr($0, 1, tab - 1)
			pattern[kinds] = "^(" substr($0, tab + 1) ")"
			next
		}
		# behind the stamp of printk, which the kernel alone can make: <level>[time] and perhaps [who]
		function behind(line) {
			if (!match(line, /<[0-7]>\[ *[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\](\[ *[TC][0-9]+\])? /))
				return 0
			who = substr(line, RSTART, RLENGTH)
			if (!sub(/^.*\]\[ */, "", who))
				who = ""
			rest = substr(line, RSTART + RLENGTH)
			return 1
		}
		{
			sub(/\r$/, "")
			line = $0
			if (found) {
				if (!behind(line) || who != whose)
					next
				if (at == "" && match(rest, /RIP: 0010:[A-Za-z0-9_.]+\+0x/))
					at = substr(rest, RSTART + 10, RLENGTH - 13)
				if (rest ~ /^ *[A-Za-z0-9_.]+\+0x[0-9a-f]+\/0x/ || rest ~ /---\[ end (trace|Kernel panic)/ || FNR > found + 300)
					exit
				next
			}
			while (behind(line)) {
				for (i = 1; i <= kinds; i++) {
					if (rest !~ pattern[i] || (over && kind[i] == "shutdown"))
						continue
					found = FNR
					whose = who
					which = kind[i]
					words = rest
					if (which == "warn" && before[who] ~ /-\[ cut here \]-/ && last[who] !~ /^WARNING: /)
						words = words ": " last[who]
					next
				}
				line = rest
			}
			if (line != $0) {
				before[who] = last[who]
				last[who] = rest
			}
		}
		END {
			gsub(/\t/, " ", words)
			if (found)
				print which "\t" words "\t" at "\t" found
		}
	' - "$1/console.log" >"$1/death"
	[ -s "$1/death" ] || return 1
	IFS=$tab read -r what words place line <<END
$(sed "s/$tab$tab/$tab-$tab/" "$1/death")
END
	title=$(printf '%s\n' "$words" | sed -E '
		s~\+0x[0-9a-f]+/0x[0-9a-f]+~~g
		s~CPU: [0-9]+ PID: [0-9]+ ~~g
		s~(CPU#?|cpu )[0-9]+(: )?~CPU ~g
		s~stuck for [0-9]+s~stuck~g
		s~: \{ .*~~
		s~kworker/[^[:space:]]+~kworker~g
		s~more than [0-9]+ seconds~too long~g
		s~\[[^][]*:[0-9]+\]~~g
		s~(^|[^[:alnum:]_])(task|process) ([^[:space:]]+):[0-9]+([[:space:]]|$)~\1\2 \3\4~g
		s~(^|[^[:alnum:]_])(0x)?[0-9a-f]{16}([^[:alnum:]_]|$)~\1ADDRESS\3~g
		s~(^|[^[:alnum:]_])(0x)?[0-9a-f]{16}([^[:alnum:]_]|$)~\1ADDRESS\3~g
		s~( at address )[0-9a-f]+~\1ADDRESS~g
		s~(^|[^[:alnum:]_])(pfn|pte|pmd|mm|val|pid):[[:space:]]*[^[:space:]]+~\1~g
		s~([^[:space:]]+)/[0-9]+/0x[0-9a-f]+$~\1~
		s~ +~ ~g
		s~^[ ,:.!-]+~~
		s~[ ,:.!-]+$~~')
	if [ "$what" = oops ] && [ "$place" != - ]; then
		printf '%s\n' "$title" | grep -qE ' (in|at) [A-Za-z0-9_.]+' || title="$title in $place"
	fi
	printf '%s\t%s\t%s\n' "$what" "$title" "$line" >"$1/death"
}

# ---- signs: each sets said, and is 0 where it shows, 1 where not, 3 where that can't be told ----

# unstamped CONSOLE: its lines without the time of day
unstamped() {
	tr -d '\r' <"$1" | sed -E 's/^.*<[0-7]>\[ *[0-9]+\.[0-9]{6}\](\[ *[TC][0-9]+\])? //'
}

# crash KIND TITLE REPORT: expressions; what is empty may be anything
crash() {
	said="no crash${1:+ of kind $1}"
	[ -s "$out/death" ] || return 1
	IFS=$tab read -r what title line <"$out/death"
	said="$what: $title"
	[ -z "$1" ] || [ "$what" = "$1" ] || return 1
	[ -z "$2" ] || printf '%s\n' "$title" | grep -qE -- "$2" || return 1
	[ -z "$3" ] || unstamped "$out/console.log" | awk -v at="$line" 'NR >= at - 6 && NR < at + 300' | grep -qE -- "$3" || return 1
}

# said EXPRESSION: by the workload, on the console, or of how it ended
said() {
	found=$({
		printf '%s\n' "$reason"
		cat "$out/output.log"
		unstamped "$out/console.log"
	} | grep -E -- "$1" | sed -n '1p')
	if [ -z "$found" ]; then
		said="nothing said $1"
		return 1
	fi
	said="said: $found"
}

# elsewhere WHY: a sign that is not for a shell
elsewhere() {
	said=$1
	return 3
}

# metrics CONDITION...: all of them, of what the agent told at the phases
metrics() {
	all=''
	for condition; do
		answer=$(awk -v condition="$condition" -v levels="$LEVELS" '
			function number(text, key) {
				if (!match(text, "\"" key "\":-?[0-9]+"))
					return ""
				return substr(text, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0
			}
			function object(text, key, start) {
				start = index(text, "\"" key "\":{")
				text = substr(text, start)
				return start ? substr(text, 1, index(text, "}")) : ""
			}
			# Gives low and high, between which the number is; 0 where it is not known.
			function value(metric, phase, name, level, needs, ranges, all, over, most, slack) {
				missing = metric " is not judged here, ./tb reproduce counts it"
				phase = substr(metric, 1, index(metric, ".") - 1)
				name = substr(metric, index(metric, ".") + 1)
				if (phase == "exit") {
					low = high = number(ended, name)
					missing = metric " is not known"
					return low != ""
				}
				if (!(phase in told)) {
					missing = metric " was not measured"
					return 0
				}
				needs = object(told[phase], "needed")
				ranges = object(told[phase], "ranges")
				if (name == "needed" || name == "needed_levels.pte")
					low = high = number(needs, "pte")
				else if (name == "needed_levels.pmd" || name == "needed_levels.pud")
					low = high = number(needs, substr(name, 15))
				else if (name !~ /\./ && name !~ /^(needed|left_over)/)
					low = high = number(told[phase], name)
				else {
					# tables of all levels; with five, those of the fifth are counted or not, by the kernel
					all = number(told[phase], "vmpte_kb") / 4
					most = number(ranges, "pmd") + number(ranges, "pud")
					over = all - number(needs, "pte") - number(needs, "pmd") - number(needs, "pud")
					slack = levels == 5 ? 1 : 0
					upper = most - number(needs, "pmd") - number(needs, "pud")
					if (name == "left_over_kb") {
						low = (over - slack) * 4
						high = over * 4
					} else if (name == "left_over.pte") {
						low = over - slack - upper
						high = over
					} else if (name == "tables.pte") {
						low = all - slack - most
						high = all - number(needs, "pmd") - number(needs, "pud")
					} else if (name ~ /^left_over\.p[mu]d$/) {
						level = substr(name, 11)
						low = 0
						high = number(ranges, level) - number(needs, level)
						if (high > over)
							high = over
					} else if (levels == 4 && (name == "left_over.p4d" || name == "tables.p4d"))
						low = high = 0
					else
						return 0
					if (low < 0)
						low = 0
					if (high < low)
						high = low
				}
				return low != ""
			}
			function holds(low, high, op, least, most) {
				if (op == ">")
					return low > most ? "yes" : high <= least ? "no" : "unknown"
				if (op == ">=")
					return low >= most ? "yes" : high < least ? "no" : "unknown"
				if (op == "<")
					return high < least ? "yes" : low >= most ? "no" : "unknown"
				if (op == "<=")
					return high <= least ? "yes" : low > most ? "no" : "unknown"
				if (high < least || low > most)
					return "no"
				return low == high && least == most ? "yes" : "unknown"
			}
			function shown(low, high) {
				return low == high ? low "" : low ".." high
			}
			index($0, "{\"type\":\"phase\"") == 1 {
				match($0, /"phase":"[^"]*"/)
				told[substr($0, RSTART + 9, RLENGTH - 10)] = $0
			}
			index($0, "{\"type\":\"exit\"") == 1 { ended = $0 }
			END {
				# METRIC OP NUMBER, or METRIC OP FACTOR * METRIC
				words = split(condition, word, " ")
				if (!value(word[1])) {
					print "unknown\t" missing
					exit
				}
				left_low = low
				left_high = high
				low = high = word[3] + 0
				right = ""
				if (words == 5) {
					if (!value(word[5])) {
						print "unknown\t" missing
						exit
					}
					low *= word[3]
					high *= word[3]
					if (low > high) {
						kept = low
						low = high
						high = kept
					}
					right = " (" word[3] " * " word[5] ")"
				}
				answer = holds(left_low, left_high, word[2], low, high)
				between = answer == "yes" ? "" : answer == "no" ? "is not " : "may or may not be "
				print answer "\t" word[1] " " shown(left_low, left_high) " " between word[2] " " shown(low, high) right
			}
		' "$out/agent.log")
		said=${answer#*"$tab"}
		case $answer in
		yes*) all="${all:+$all; }$said" ;;
		no*) return 1 ;;
		*) return 3 ;;
		esac
	done
	said=$all
}

# try SIGN...: keeps what it said
try() {
	"$@"
	case $? in
	0)
		shown=$said
		return 0
		;;
	3) unknown=$said ;;
	*) absent=$said ;;
	esac
	return 1
}

# ---- an attempt ----

# Waits for the end of the guest, of the workload, or of their time, and sets how: exit, death, late, gone or strange.
attend() {
	waited=0 quiet=0 heard=0 looked=0 up=''
	while :; do
		sleep 1
		alive=yes
		kill -0 "$pid" 2>/dev/null || alive=''
		waited=$((waited + 1)) quiet=$((quiet + 1))
		size=$(wc -c <"$out/agent.log")
		[ "$size" -eq "$heard" ] || quiet=0
		heard=$size
		if [ -z "$up" ] && told "$out" hello; then
			up=yes waited=0
			hello=$(sed -n '/^{"type":"hello"/{p;q;}' "$out/agent.log")
			case $hello in
			*"\"build_id\":\"$BUILD_ID\""*"\"levels\":$LEVELS,"*) ;;
			*) how=strange reason="another guest came up than was to: $hello" && return ;;
			esac
		fi
		size=$(wc -c <"$out/console.log")
		if [ "$size" -ne "$looked" ] || [ -z "$alive" ]; then
			looked=$size
			if death "$out"; then
				sleep 2 # the report goes on
				death "$out"
				IFS=$tab read -r what title line <"$out/death"
				how=death reason="$what: $title" && return
			fi
		fi
		if told "$out" exit; then
			how='exit' reason='' && return
		elif told "$out" error; then
			how=strange reason="the guest's agent: $(sed -n 's/^{"type":"error","what":"\(.*\)"}$/\1/p' "$out/agent.log" | sed -n '1p')"
			return
		elif [ -z "$alive" ]; then
			how=gone reason="the guest shut down by itself"
			if [ -s "$out/qemu.stderr" ] && [ -z "$up" ]; then
				how=strange reason="QEMU ended: $(complaint "$out")"
			fi
			return
		elif [ -z "$up" ]; then
			[ "$waited" -lt "$boot_s" ] || { how=strange reason="the guest did not come up in $boot_s s" && return; }
		elif [ "$waited" -ge "$deadline_s" ]; then
			how=late reason="the workload was not done in $deadline_s s" && return
		elif [ "$quiet" -ge "$silence_s" ]; then
			how=late reason="the guest's agent sent nothing for $silence_s s" && return
		fi
	done
}

# How a workload ended that did end.
ending() {
	exit_line=$(sed -n '/^{"type":"exit"/{p;q;}' "$out/agent.log")
	status=$(printf '%s\n' "$exit_line" | sed -n 's/.*"status":\([0-9]*\),.*/\1/p')
	signal=$(printf '%s\n' "$exit_line" | sed -n 's/.*"signal":\([0-9]*\),.*/\1/p')
	kills=$(printf '%s\n' "$exit_line" | sed -n 's/.*"oom_kill":\([0-9]*\),.*/\1/p')
	words=$(sed -n 's/^{"type":"output","stream":"stderr","text":"\(.*\)"}$/\1/p' "$out/agent.log" | sed -n '$p')
	if [ -n "$signal" ] && [ "${kills:-0}" -gt 0 ]; then
		reason="the workload was killed by the OOM killer (signal $signal)"
	elif [ -n "$signal" ]; then
		reason="the workload was killed (signal $signal)"
	elif [ "${status:-0}" -ne 0 ]; then
		reason="the workload's own checks failed (exit status $status)${words:+: $words}"
	fi
}

attempt() {
	out=out/attempt-$1 icount=''
	if [ -n "$ICOUNT" ]; then
		# shellcheck disable=SC2086 # a list of numbers
		set -- "$1" $ICOUNT
		number=$1
		shift
		shift $(((number - 1) % $#))
		icount=$1
	fi
	boot "$accel" "$out" "$icount" "$order"
	attend
	if [ "$how" = exit ]; then
		wait_for_end
		death "$out" && how=death
		ending
	fi
	end
	sed -n 's/^{"type":"output","stream":"std[a-z]*","text":"\(.*\)"}$/\1/p' "$out/agent.log" |
		sed "s/\\\\\"/\"/g; s/\\\\u0009/$tab/g; s/\\\\\\\\/\\\\/g" >"$out/output.log"
	shown='' unknown='' absent=''
	if [ "$how" = strange ]; then
		unknown=$reason
	else
		signs
	fi
}

# A kernel that dies of the workload's end has not said so yet when that is told.
wait_for_end() {
	patience=$boot_s
	while kill -0 "$pid" 2>/dev/null && [ "$patience" -gt 0 ]; do
		sleep 1
		patience=$((patience - 1))
	done
}

while getopts n:a:r:h option; do
	case $option in
	n) attempts=$OPTARG ;;
	a) accel=$OPTARG ;;
	r) order=$OPTARG ;;
	h) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
done
case $attempts in
'' | *[!0-9]* | 0*) refuse "-n $attempts: not a number of attempts" ;;
esac
case $accel in
auto | kvm | tcg) ;;
*) refuse "-a $accel: auto, kvm or tcg" ;;
esac
case $order in
*,*) refuse "-r $order: QEMU can't have a comma there" ;;
/* | run.txt) ;;
*) order=$PWD/$order ;;
esac
[ "$order" = run.txt ] || [ -r "$order" ] || refuse "-r $order: no such file"
case $0 in
*/*) cd "${0%/*}" || refuse "can't go to where it lies" ;;
esac
for tool in "$QEMU" awk cat grep mkdir rm sed sleep tr wc; do
	command -v "$tool" >/dev/null 2>&1 || refuse "$tool is not installed (on Debian QEMU is apt-get install qemu-system-x86)"
done
if command -v sha256sum >/dev/null 2>&1; then
	if wrong=$(sha256sum -c SHA256SUMS 2>&1 | grep -v ': OK$'); then
		refuse "the files are not those of the bundle: $wrong"
	fi
else
	echo "no sha256sum here: that the files are the bundle's is not checked"
fi

trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
choose
if [ "$accel" = kvm ]; then
	boot_s=$BOOT_KVM_S silence_s=$SILENCE_KVM_S deadline_s=$DEADLINE_KVM_S
else
	boot_s=$BOOT_TCG_S silence_s=$SILENCE_TCG_S deadline_s=$DEADLINE_TCG_S
fi
printf '%s\n' "$NAME" "accelerator: $accel ($why)"
yes=0 judged=0 n=0
while [ "$n" -lt "$attempts" ]; do
	n=$((n + 1))
	attempt "$n"
	ended=${reason:+; $reason}
	if [ -n "$shown" ]; then
		yes=$((yes + 1)) judged=$((judged + 1))
		printf '%s\n' "attempt $n: reproduced ($shown)"
	elif [ -n "$unknown" ]; then
		[ "$how" != strange ] || ended=''
		printf '%s\n' "attempt $n: could not be judged ($unknown$ended)"
	else
		judged=$((judged + 1))
		printf '%s\n' "attempt $n: not reproduced ($absent$ended)"
	fi
done
lost=$((attempts - judged))
if [ "$lost" -gt 0 ]; then
	echo "reproduced $yes of $judged, $lost could not be judged"
else
	echo "reproduced $yes of $judged"
fi
[ "$yes" -eq 0 ] || exit 0
[ "$judged" -eq 0 ] || exit 1
exit 3
