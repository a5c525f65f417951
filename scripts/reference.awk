# SPDX-License-Identifier: Apache-2.0
#
# reference.awk - reads public headers and writes the reference (form=markdown, to standard output), manual pages
# (form=man, into the folder out) or the list of documented functions with the fields each has (form=list).
#
# What counts: the head comment of a header; "/** name - ..." before a function; "/* weft_name(...) - ..." for macros;
# and a comment before a struct, enum or typedef.

BEGIN {
    fields = "Parameters|Blocks|Callable from|Ordering|Returns|Note|Source"
}

FNR == 1 {
    header = FILENAME
    sub(/.*include\//, "", header)
    state = "file"
    comment = ""
    internal = 0
}

# Everything before the first declaration is the head comment.
state == "comment" {
    line = $0
    done = sub(/[ ]*\*\/.*$/, "", line)
    sub(/^ \* ?/, "", line)
    sub(/^ \*$/, "", line)
    comment = comment "\n" line
    if (done)
        end_of_comment()
    next
}
/^\/\*/ {
    line = $0
    documented = (line ~ /^\/\*\* /)
    done = sub(/[ ]*\*\/.*$/, "", line)
    sub(/^\/\*\*? ?/, "", line)
    comment = line
    came_from = state
    state = "comment"
    if (done)
        end_of_comment()
    next
}
state == "prototype" {
    text = $0
    sub(/^[ ]+/, "", text)
    prototype = prototype == "" ? text : prototype " " text
    if (text ~ /;[ ]*$/) {
        function_done()
        state = ""
    }
    next
}
state == "type" {
    if ($0 ~ /^$/ && declaration == "")
        next
    if (declaration == "" && $0 !~ /^(struct|enum|typedef) /) {
        state = ""
        next
    }
    declaration = declaration (declaration == "" ? "" : "\n") $0
    if ($0 ~ /^}/ || (declaration !~ /{/ && $0 ~ /;$/)) {
        type_done()
        state = ""
    }
    next
}

function end_of_comment()
{
    if (comment ~ /^SPDX-License-Identifier/) {
        sub(/^SPDX[^\n]*\n+/, "", comment)
        intro()
        state = ""
    } else if (documented) {
        state = "prototype"
        prototype = ""
    } else if (comment ~ /^weft_[a-z_]+(\(| \{)/) {
        macro_done()
        state = ""
    } else {
        state = "type"
        declaration = ""
    }
}

function intro()
{
    sub(/^[^ ]+ - /, "", comment)
    if (form == "markdown")
        printf "\n## <%s>\n\n%s\n", header, capital(paragraphs(comment))
}

# Text for Markdown: the lines of an indented block stay as they are, other lines flow.
function paragraphs(text,    n, lines, i, result, code)
{
    n = split(text, lines, "\n")
    result = ""
    code = 0
    for (i = 1; i <= n; i++) {
        if (lines[i] ~ /^   ? ?/ && lines[i] ~ /^  /) {
            if (!code)
                result = result "\n```c\n"
            code = 1
            result = result lines[i] "\n"
        } else {
            if (code)
                result = result "```\n\n"
            code = 0
            result = result escaped(lines[i]) "\n"
        }
    }
    if (code)
        result = result "```\n"
    sub(/\n+$/, "", result)
    return result
}

function escaped(text)
{
    gsub(/</, "\\&lt;", text)
    gsub(/\*/, "\\*", text)
    return text
}

# Cut the comment into the summary and the fields, each on one line.
function cut(    text, n, i, pieces, rest, name)
{
    text = comment
    gsub(/\n[ ]*/, " ", text)
    gsub(/[ ]+/, " ", text)
    sub(/^[^ ]+ - /, "", text)
    split("", value)
    order = ""
    name = "Summary"
    rest = text
    while (match(rest, "(^|[.:;)] )(" fields "): ")) {
        value[name] = value[name] (value[name] == "" ? "" : " ") trimmed(substr(rest, 1, RSTART))
        name = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        sub(/^[.:;)] /, "", name)
        sub(/: $/, "", name)
        if (!(name in value))
            order = order "|" name
    }
    value[name] = value[name] (value[name] == "" ? "" : " ") trimmed(rest)
    sub(/^\|/, "", order)
}

function trimmed(text)
{
    sub(/^[ ]+/, "", text)
    sub(/[ ]+$/, "", text)
    return text
}

function clean_prototype(    text)
{
    text = prototype
    gsub(/WEFT_API |WEFT__NORETURN /, "", text)
    if (prototype ~ /WEFT__NORETURN/)
        text = "_Noreturn " text
    gsub(/ __attribute__\(\(.*\)\)/, "", text)
    return text
}

function function_done(    name, n, names, i)
{
    name = comment
    sub(/ - .*/, "", name)
    sub(/\n.*/, "", name)
    cut()
    n = split(order, names, "|")
    if (form == "list") {
        printf "%s", name
        for (i = 1; i <= n; i++)
            printf "\t%s", names[i]
        printf "\n"
    } else if (form == "markdown") {
        printf "\n### %s\n\n```c\n%s\n```\n\n%s\n\n", escaped(name), clean_prototype(), capital(escaped(value["Summary"]))
        for (i = 1; i <= n; i++)
            printf "- **%s**: %s\n", names[i], escaped(value[names[i]])
    } else if (form == "man") {
        manual(name, clean_prototype(), value["Summary"])
        for (i = 1; i <= n; i++)
            printf ".SH %s\n%s\n", toupper(names[i]), roff(value[names[i]]) > page
        manual_end()
        if (name ~ /_(untyped|at)$/)
            alias(name)
    }
}

function macro_done(    name, names, n, i, rest)
{
    name = comment
    sub(/[( {].*/, "", name)
    if (form == "markdown")
        printf "\n### %s (macro)\n\n```text\n%s\n```\n", escaped(name), comment
    else if (form == "man") {
        rest = comment
        sub(/\n.*/, "", rest)
        sub(/^.* - /, "", rest)
        manual(name, "", rest)
        printf ".SH DESCRIPTION\n.nf\n%s\n.fi\n", roff(comment) > page
        manual_end()
    }
}

function type_done()
{
    if (form != "markdown" || declaration ~ /weft__/)
        return
    printf "\n```c\n/* %s */\n%s\n```\n", comment, declaration
}

function capital(text)
{
    if (text ~ /^[a-z_]+[\[(]/) # it begins with code
        return text
    return toupper(substr(text, 1, 1)) substr(text, 2)
}

function roff(text)
{
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/\n\./, "\n\\\\\\&.", text)
    gsub(/\n'/, "\n\\\\\\&'", text)
    return text
}

function manual(name, synopsis, summary,    first, rest)
{
    page = out "/" name ".3"
    made[name] = 1
    first = summary
    rest = ""
    if (match(summary, /[.;:] /)) {
        first = substr(summary, 1, RSTART - 1)
        rest = substr(summary, RSTART + 2)
    }
    sub(/\.$/, "", first)
    printf ".\\\" SPDX-License-Identifier: Apache-2.0\n.\\\" Made from <%s> by scripts/make-reference.\n", header > page
    printf ".TH %s 3 \"\" \"Weft %s\" \"Weft\"\n.SH NAME\n%s \\- %s\n", toupper(name), version, name, roff(first) > page
    printf ".SH SYNOPSIS\n.nf\n#include <%s>\n", header > page
    if (synopsis != "")
        printf ".PP\n%s\n", roff(synopsis) > page
    printf ".fi\n" > page
    if (rest != "")
        printf ".SH DESCRIPTION\n%s\n", roff(capital(rest)) > page
}

function manual_end()
{
    printf ".SH SEE ALSO\nweft_run(3), the reference (docs/reference.md)\n" > page
    close(page)
}

# The typed form of an untyped function has the same page, unless it has one of its own.
function alias(name,    typed)
{
    typed = name
    sub(/_(untyped|at)$/, "", typed)
    aliases[typed] = name
}

END {
    if (form == "man")
        for (typed in aliases)
            if (!(typed in made))
                printf ".so man3/%s.3\n", aliases[typed] > (out "/" typed ".3")
}
