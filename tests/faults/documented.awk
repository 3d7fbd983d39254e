# Prints "FUNCTION CODE" for each code that the header's "Errors:" of a function names, those of functions that it
# refers to included.
/^#define NH_ERR_/ { gsub(/[()]/, "", $3); number[$2] = $3 }
/^\/\*\*/ { doc = ""; inside = 0 }
/^ \* Errors:/ { inside = 1 }
/^ \* (Ownership|Threads|Since):/ { inside = 0 }
inside { doc = doc " " substr($0, 4) }
/^[a-z].*nh_[a-z0-9_]*\(/ {
    if (match($0, /nh_[a-z0-9_]*\(/)) docs[substr($0, RSTART, RLENGTH - 1)] = doc
    doc = ""
}
function list(function_name, of, depth,    rest, word) {
    rest = docs[of]
    while (match(rest, /NH_ERR_[A-Z0-9_]*|nh_[a-z0-9_]*/)) {
        word = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        if (word in number) print function_name, number[word]
        else if (word in docs && word != of && depth < 3) list(function_name, word, depth + 1)
    }
}
END { for (f in docs) list(f, f, 0) }
