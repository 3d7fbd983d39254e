/* Prints the version and the ABI number, of the header and of the library. */
#include <stdio.h>
#include <nethttp.h>

int main(void) {
    printf("%d %d %s %d %d\n", NH_VERSION_NUMBER, NH_ABI_VERSION, nh_version(), nh_version_number(),
           nh_abi_version());
    return 0;
}
