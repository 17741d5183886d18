# Completion of pellucid's command lines in fish.
complete --command pellucid --no-files --keep-order \
    --arguments '(pellucid --complete (commandline --cut-at-cursor | string collect) 2>/dev/null)'
