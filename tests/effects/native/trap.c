/* An LV2 effect that is a plain gain until its control "danger" passes a threshold, and then does what DEED says. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CRASH 1
#define HANG 2
#define NOT_A_NUMBER 3
#define EAT_MEMORY 4
#define CRASH_AT_START 5
#define LEAK 6
#define FORK 7

typedef void *Handle;
typedef struct {
    const char *uri;
    Handle (*instantiate)(const void *descriptor, double rate, const char *bundle, const void *const *features);
    void (*connect_port)(Handle, uint32_t port, void *data);
    void (*activate)(Handle);
    void (*run)(Handle, uint32_t samples);
    void (*deactivate)(Handle);
    void (*cleanup)(Handle);
    const void *(*extension_data)(const char *uri);
} Descriptor;

typedef struct {
    const float *danger, *in;
    float *out;
} Trap;

static Handle instantiate(const void *descriptor, double rate, const char *bundle, const void *const *features) {
    if (DEED == CRASH_AT_START) *(volatile int *)0 = 0;
    return calloc(1, sizeof(Trap));
}

static void connect_port(Handle handle, uint32_t port, void *data) {
    Trap *trap = handle;
    if (port == 0) trap->danger = data;
    if (port == 1) trap->in = data;
    if (port == 2) trap->out = data;
}

static void *volatile kept; /* what nobody reads, a compiler leaves out */

static void take(size_t bytes) { kept = memset(malloc(bytes), 1, bytes); }

static void run(Handle handle, uint32_t samples) {
    Trap *trap = handle;
    printf("A plugin that talks.\n");
    fflush(stdout);
    for (uint32_t i = 0; i < samples; i++) trap->out[i] = 0.5f * trap->in[i];
    if (DEED == FORK && fork() == 0) for (;;) sleep(1);
    if (DEED == LEAK) take(5000000);
    if (*trap->danger <= THRESHOLD) return;
    if (DEED == CRASH) *(volatile int *)0 = 0;
    if (DEED == HANG) for (;;) sleep(1);
    if (DEED == NOT_A_NUMBER) trap->out[samples / 2] = NAN;
    if (DEED == EAT_MEMORY) for (;;) take(1 << 22), usleep(100);
}

static void cleanup(Handle handle) { free(handle); }

static const Descriptor descriptor = {URI, instantiate, connect_port, NULL, run, NULL, cleanup, NULL};

const Descriptor *lv2_descriptor(uint32_t index) { return index == 0 ? &descriptor : NULL; }
