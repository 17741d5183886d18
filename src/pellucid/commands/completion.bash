# Completion of pellucid's command lines in bash.
_pellucid() {
  local line=${COMP_LINE:0:COMP_POINT} candidate
  local word=${line##* }
  local before=${word%"${word##*[=:]}"} # of a word, bash completes what is behind the last = or :
  COMPREPLY=()
  while IFS=$'\t' read -r candidate _; do
    case $candidate in *[=./]) ;; *) candidate+=" " ;; esac
    COMPREPLY+=("${candidate#"$before"}")
  done < <(pellucid --complete "$line" 2>/dev/null)
}
complete -o nospace -o nosort -F _pellucid pellucid
