# SPDX-License-Identifier: BSD-2-Clause
# bash completion for tickvm: commands, experiments, and the values that are words. The options of a command, or of
# an experiment, are those that its --help names.

_tickvm() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
	local program=${COMP_WORDS[0]/#\~/$HOME} words=
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="run trace bench compare report sweep merge bisect-run tune config why doctor --help --version"
	else
		case $previous in
		--irqchip) words="kernel split user" ;;
		--serial) words="stdio null file:" ;;
		--sandbox) words="on off auto" ;;
		--format) words="text markdown csv html junit tap github github-bigger bencher metrics cyclictest trace" ;;
		--source) words="dedicated kvm-lapic user-lapic kvm-pit user-pit" ;;
		--timer-advance | --halt-poll) words="auto" ;;
		--config | --disk | --json | --csv | --markdown | --events | --output | -o | --resume | --baseline | --gate)
			COMPREPLY=($(compgen -f -- "$word"))
			return
			;;
		config) words="check --help" ;;
		--require) words="$("$program" doctor 2>/dev/null | awk '/^[a-z]/ { print $1 }')" ;;
		bench) words="list --help $("$program" bench list 2>/dev/null | awk '{ print $1 }')" ;;
		*)
			local name=
			[ "$command" = bench ] && name=${COMP_WORDS[2]}
			words="$("$program" "$command" $name --help 2>/dev/null |
				awk '/^  --[a-z]/ { for (i = 1; $i ~ /^--/; i++) { sub(",", "", $i); print $i } }')"
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
