# Git's clean filter for stacks/Pulumi.*.yaml: leaves out the keys that the engine adds for this machine's backend.
# Keeps a key that the last commit has, and every key of a file with encrypted values, which need it for decryption.
# Usage: awk -v file=PATH -f stack_file.awk
function key(line) {
    return match(line, /^(encryptionsalt|encryptedkey|secretsprovider):/) ? substr(line, 1, RLENGTH - 1) : ""
}
BEGIN {
    command = "git show 'HEAD:" file "' 2>/dev/null"
    while ((command | getline line) > 0)
        if (key(line)) wanted[key(line)] = 1
    close(command)
}
/^[^#]*[{, ]secure: / { encrypted = 1 }
{ lines[NR] = $0 }
END {
    for (number = 1; number <= NR; number++)
        if (!key(lines[number]) || encrypted || key(lines[number]) in wanted) print lines[number]
}
