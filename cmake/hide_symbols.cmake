# cmake -DIN=a -DOUT=a -DAR= -DLINKER= -DNM= -DOBJCOPY= -P hide_symbols.cmake
#
# Turns cargo's archive, which shows all of Rust's standard library, into one whose only global symbols are nh_*,
# so that a program may link it beside other Rust archives: the exports and what they need are linked into one
# relocatable object, and the rest is made local. Where the tools cannot do that, the archive stays as it is, with
# a warning.

function(run_or_fall_back what)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE result ERROR_VARIABLE errors OUTPUT_VARIABLE output)
    if(NOT result EQUAL 0)
        message(WARNING "${what} failed (${errors}); libnethttp.a keeps its symbols visible: it cannot be linked "
                        "beside another static library written in Rust")
        file(COPY_FILE "${IN}" "${OUT}")
        set(failed ON PARENT_SCOPE)
    endif()
    set(output "${output}" PARENT_SCOPE)
endfunction()

set(failed OFF)
foreach(tool AR LINKER NM OBJCOPY)
    if(NOT ${tool})
        run_or_fall_back("finding ${tool}" false)
        return()
    endif()
endforeach()

# nm complains about members without symbols on stderr, which is not kept.
run_or_fall_back("nm" "${NM}" -g --defined-only "${IN}")
if(failed)
    return()
endif()
string(REGEX MATCHALL " [TDBR] nh_[a-z0-9_]+" matches "${output}")
set(roots "")
foreach(match IN LISTS matches)
    string(REGEX REPLACE "^ . " "" symbol "${match}")
    list(APPEND roots -u "${symbol}")
endforeach()

# Section groups are dissolved: a group is thrown away whole when another archive has one of the same name, and
# what is local by then could not be found in that other one.
set(object "${OUT}.o")
run_or_fall_back("ld -r" "${LINKER}" -r --force-group-allocation ${roots} -o "${object}" "${IN}")
if(failed)
    return()
endif()
# The bitcode that Rust's own objects carry is of no use in C, and tools with another LLVM's plugin stumble over it.
run_or_fall_back("objcopy" "${OBJCOPY}" --wildcard "--keep-global-symbol=nh_*"
                 --remove-section=.llvmbc --remove-section=.llvmcmd "${object}")
if(failed)
    return()
endif()
file(REMOVE "${OUT}")
run_or_fall_back("ar" "${AR}" rcs "${OUT}" "${object}")
file(REMOVE "${object}")
