# SPDX-License-Identifier: BSD-2-Clause
# bash completion for tickvm: commands, experiments, options and the values that are words.

_tickvm() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
	local common="--json --quiet --verbose --help"
	local machine="--vcpus --mem --irqchip --append --serial --pin --vcpu-priority --timer-cpu
		--timer-priority --timer-spin --timer-advance --halt-poll --quiet-window --timeout --config"
	local words=
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="run trace bench doctor --help --version"
	else
		case $previous in
		--irqchip) words="kernel split user" ;;
		--serial) words="stdio null file:" ;;
		--timer-advance | --halt-poll) words="auto" ;;
		--config | --json | --events)
			COMPREPLY=($(compgen -f -- "$word"))
			return
			;;
		bench) words="list --help $(tickvm bench list 2>/dev/null | awk '{ print $1 }')" ;;
		*)
			case $command in
			run) words="$machine $common" ;;
			trace) words="$machine $common --events --per-vcpu" ;;
			bench) words="$machine $common" ;;
			doctor) words="$common" ;;
			esac
			case $command,$word in
			run,[!-]* | trace,[!-]* | run, | trace,) COMPREPLY=($(compgen -f -- "$word")) ;;
			esac
			;;
		esac
	fi
	COMPREPLY+=($(compgen -W "$words" -- "$word"))
}
complete -o filenames -F _tickvm tickvm
