/* An LV2 effect that tells what its host does: ports, events, options, call lengths, latency and clean-up. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef LATENCY
#define LATENCY 0
#endif

typedef void *Handle;
typedef struct {
    const char *uri;
    void *data;
} Feature;
typedef struct {
    const char *uri;
    Handle (*instantiate)(const void *descriptor, double rate, const char *bundle, const Feature *const *features);
    void (*connect_port)(Handle, uint32_t port, void *data);
    void (*activate)(Handle);
    void (*run)(Handle, uint32_t samples);
    void (*deactivate)(Handle);
    void (*cleanup)(Handle);
    const void *(*extension_data)(const char *uri);
} Descriptor;
typedef struct {
    Handle handle;
    uint32_t (*map)(Handle, const char *uri);
} Map;
typedef struct {
    Handle handle;
    const char *(*unmap)(Handle, uint32_t number);
} Unmap;
typedef struct {
    int context;
    uint32_t subject, key, size, type;
    const void *value;
} Option;

enum { GAIN, WHOLE, SHARE, LATE, LONGEST, SHORTEST, LONGEST_OPTION, SHORTEST_OPTION, RATE_OPTION, ALIVE, HEARD, FAULTS,
       EVENTS_IN, EVENTS_OUT, UNUSED, AUDIO };

typedef struct {
    float *control[AUDIO];
    const float *in[INPUTS];
    float *out[OUTPUTS];
    float past[OUTPUTS][LATENCY + 1];
    uint32_t place, longest, shortest;
    int32_t longest_option, shortest_option;
    float rate_option;
    uint32_t chunk, sequence;
    int active, faults;
} Probe;

static int alive = 0;

static Handle instantiate(const void *descriptor, double rate, const char *bundle, const Feature *const *features) {
    Probe *probe = calloc(1, sizeof(Probe));
    Map *map = NULL;
    Unmap *unmap = NULL;
    const Option *options = NULL;
    for (; *features; features++) {
        if (!strcmp((*features)->uri, "http://lv2plug.in/ns/ext/urid#map")) map = (*features)->data;
        if (!strcmp((*features)->uri, "http://lv2plug.in/ns/ext/urid#unmap")) unmap = (*features)->data;
        if (!strcmp((*features)->uri, "http://lv2plug.in/ns/ext/options#options")) options = (*features)->data;
    }
    probe->shortest = 1000000;
    probe->faults += bundle[strlen(bundle) - 1] != '/';
    probe->chunk = map->map(map->handle, "http://lv2plug.in/ns/ext/atom#Chunk");
    probe->sequence = map->map(map->handle, "http://lv2plug.in/ns/ext/atom#Sequence");
    uint32_t odd = map->map(map->handle, "urn:odd");
    probe->faults += odd == 0 || odd == probe->chunk || odd != map->map(map->handle, "urn:odd");
    probe->faults += strcmp(unmap->unmap(unmap->handle, odd), "urn:odd") != 0;
    probe->faults += unmap->unmap(unmap->handle, 1000000) != NULL;
    for (; options->key; options++) {
        const char *key = unmap->unmap(unmap->handle, options->key);
        const char *type = unmap->unmap(unmap->handle, options->type);
        int whole = !strcmp(type, "http://lv2plug.in/ns/ext/atom#Int");
        if (!strcmp(key, "http://lv2plug.in/ns/ext/buf-size#maxBlockLength") && whole)
            probe->longest_option = *(const int32_t *)options->value;
        if (!strcmp(key, "http://lv2plug.in/ns/ext/buf-size#minBlockLength") && whole)
            probe->shortest_option = *(const int32_t *)options->value;
        if (!strcmp(key, "http://lv2plug.in/ns/ext/parameters#sampleRate") && !whole)
            probe->rate_option = *(const float *)options->value;
        probe->faults += options->size != 4;
    }
    probe->faults += probe->rate_option != (float)rate;
    if (rate == 12345.0) {
        free(probe);
        return NULL;
    }
    alive++;
    return probe;
}

static void connect_port(Handle handle, uint32_t port, void *data) {
    Probe *probe = handle;
    if (port < AUDIO) probe->control[port] = data;
    else if (port < AUDIO + INPUTS) probe->in[port - AUDIO] = data;
    else probe->out[port - AUDIO - INPUTS] = data;
}

static void activate(Handle handle) {
    Probe *probe = handle;
    probe->faults += probe->active;
    probe->active = 1;
    memset(probe->past, 0, sizeof(probe->past));
    probe->place = 0;
}

static void deactivate(Handle handle) {
    Probe *probe = handle;
    probe->faults += !probe->active;
    probe->active = 0;
}

static void run(Handle handle, uint32_t samples) {
    Probe *probe = handle;
    const uint32_t *in = (const uint32_t *)probe->control[EVENTS_IN];
    uint32_t *out = (uint32_t *)probe->control[EVENTS_OUT];
    probe->faults += in[0] != 8 || in[1] != probe->sequence || in[2] != 0;
    probe->faults += out[0] < 10000 || out[1] != probe->chunk;
    out[0] = 8, out[1] = probe->sequence, out[2] = 1;
    memset(out + 2, 1, 10000);
    probe->faults += !probe->active || probe->control[UNUSED] != NULL;
    if (samples > probe->longest) probe->longest = samples;
    if (samples < probe->shortest) probe->shortest = samples;
    for (uint32_t i = 0; i < samples; i++) {
        for (int k = 0; k < OUTPUTS; k++) {
            float sum = 0;
            for (int j = 0; j < INPUTS; j++) sum += (1 + j + 10 * k) * probe->in[j][i];
            probe->past[k][probe->place] = *probe->control[GAIN] * sum;
            probe->out[k][i] = probe->past[k][(probe->place + 1) % (LATENCY + 1)];
        }
        probe->place = (probe->place + 1) % (LATENCY + 1);
    }
    *probe->control[LATE] = LATENCY;
    *probe->control[LONGEST] = probe->longest;
    *probe->control[SHORTEST] = probe->shortest;
    *probe->control[LONGEST_OPTION] = probe->longest_option;
    *probe->control[SHORTEST_OPTION] = probe->shortest_option;
    *probe->control[RATE_OPTION] = probe->rate_option;
    *probe->control[ALIVE] = alive;
    *probe->control[HEARD] = *probe->control[WHOLE] + 1000000 * *probe->control[SHARE];
    *probe->control[FAULTS] = probe->faults;
}

static void cleanup(Handle handle) {
    Probe *probe = handle;
    alive--;
    if (probe->active) abort();
    free(probe);
}

static const Descriptor other = {"urn:fxstyle:test:other"};
static const Descriptor descriptor = {URI, instantiate, connect_port, activate, run, deactivate, cleanup, NULL};

const void *lv2_descriptor(uint32_t index) { return index == 0 ? &other : index == 1 ? &descriptor : NULL; }
