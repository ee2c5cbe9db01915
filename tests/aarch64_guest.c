/* One kernel of another processor, called as often as it is asked to.
 *
 * Asked on its input: where memory is to lie, how much, and its content, which begins
 * with the words of a call. Told on its output: what the kernel returned, and the memory
 * as it is afterwards.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

int64_t numpy_deconv_entry(const char *words);

int main(void) {
    int64_t asked[2];
    while (fread(asked, sizeof asked[0], 2, stdin) == 2) {
        char *memory = (char *)asked[0];
        size_t size = (size_t)asked[1];
        if (mmap(memory, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != memory)
            return 1;
        if (fread(memory, 1, size, stdin) != size)
            return 2;
        int64_t told = numpy_deconv_entry(memory);
        fwrite(&told, sizeof told, 1, stdout);
        fwrite(memory, 1, size, stdout);
        fflush(stdout);
        munmap(memory, size);
    }
    return 0;
}
