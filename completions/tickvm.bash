# SPDX-License-Identifier: BSD-2-Clause
# bash completion for tickvm: commands, experiments, options and the values that are words.

_tickvm() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
	local common="--json --quiet --verbose --help"
	local machine="--vcpus --mem --irqchip --append --serial --disk --disk-cpu --pin --vcpu-priority --timer-cpu
		--timer-priority --timer-spin --timer-advance --halt-poll --quiet-window --timeout --config"
	local words=
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="run trace bench compare report sweep merge bisect-run tune config why doctor --help --version"
	else
		case $previous in
		--irqchip) words="kernel split user" ;;
		--serial) words="stdio null file:" ;;
		--format) words="text markdown csv html junit tap github github-bigger bencher metrics cyclictest trace" ;;
		--source) words="dedicated kvm-lapic user-lapic kvm-pit user-pit" ;;
		--timer-advance | --halt-poll) words="auto" ;;
		--config | --disk | --json | --csv | --markdown | --events | --output | -o | --resume | --baseline | --gate)
			COMPREPLY=($(compgen -f -- "$word"))
			return
			;;
		config) words="check --help" ;;
		--require) words="$(tickvm doctor 2>/dev/null | awk '/^[a-z]/ { print $1 }')" ;;
		bench) words="list --help $(tickvm bench list 2>/dev/null | awk '{ print $1 }')" ;;
		*)
			case $command in
			run) words="$machine $common" ;;
			trace) words="$machine $common --csv --markdown --events --per-vcpu" ;;
			bench) words="$machine $common --csv --markdown" ;;
			tune) words="$machine $common --csv --markdown --source --interval --load --budget --apply --output" ;;
			compare) words="--live --max-rounds --alpha --floor-relative --floor-absolute --gate --force --strict --json
				--csv --markdown --quiet --help" ;;
			report) words="--output --format --help" ;;
			sweep) words="$machine $common --csv --markdown --output --rounds --shard --resume --baseline --max-rounds
				--alpha --floor-relative --floor-absolute --gate --force --strict" ;;
			merge) words="--output --help" ;;
			bisect-run) words="$machine $common --csv --markdown --rounds --max-rounds --baseline --alpha --floor-relative
				--floor-absolute --gate --force" ;;
			config) words="--help" ;;
			why) words="$machine $common --csv --markdown --worst --source --interval --count --load" ;;
			doctor) words="$common --require" ;;
			esac
			case $command,$word in
			run,[!-]* | trace,[!-]* | report,[!-]* | why,[!-]* | sweep,[!-]* | merge,[!-]* | bisect-run,[!-]* | \
				config,[!-]* | run, | trace, | report, | why, | sweep, | merge, | bisect-run, | config,) COMPREPLY=($(compgen -f -- "$word")) ;;
			esac
			;;
		esac
	fi
	COMPREPLY+=($(compgen -W "$words" -- "$word"))
}
complete -o filenames -F _tickvm tickvm
