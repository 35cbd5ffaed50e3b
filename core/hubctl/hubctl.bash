# bash completion for hubctl. hubctl itself knows its commands and asks hubd for the rest: the first
# line of its answer says whether words, files or directories are wanted, the others are the words.
_hubctl() {
    local line="${COMP_LINE:0:COMP_POINT}" word
    local -a answer
    mapfile -t answer < <("${COMP_WORDS[0]}" complete "$line" 2>/dev/null)
    # What bash replaces is the part after the last of these.
    word="${line##*[[:space:]]}"
    word="${word##*[=:@]}"
    COMPREPLY=()
    case "${answer[0]}" in
        files) mapfile -t COMPREPLY < <(compgen -f -- "$word"); compopt -o filenames 2>/dev/null ;;
        dirs) mapfile -t COMPREPLY < <(compgen -d -- "$word"); compopt -o filenames 2>/dev/null ;;
        words) COMPREPLY=("${answer[@]:1}") ;;
    esac
}
complete -F _hubctl hubctl
