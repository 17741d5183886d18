#compdef pellucid
# Completion of pellucid's command lines in zsh.
_pellucid() {
  local candidate about
  local -a whole open
  while IFS=$'\t' read -r candidate about; do
    about="${candidate//:/\\:}${about:+:$about}"
    if [[ $candidate == *[=./] ]]; then open+=("$about"); else whole+=("$about"); fi
  done < <(pellucid --complete "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)
  _describe -V option whole -- open -S ''
}
compdef _pellucid pellucid
