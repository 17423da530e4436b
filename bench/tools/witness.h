/*
 * When did the machine stand still? A guest's processor is taken away for milliseconds, and nothing counts that. A thread of
 * real-time priority on each core wakes four times a millisecond; no busy server holds it up. When it finds itself late, the
 * core was not there, and what was under way then says nothing about the server.
 *
 * The kernel's own threads (they look for memory that can be given back) and whatever else runs take the core for
 * milliseconds, too. So the first of these threads also looks at how long the threads of the server and of the load were ready
 * to run and did not, in /proc/PID/task/TID/schedstat. Time in which another thread of the same process ran is its own.
 *
 * Times are nanoseconds of CLOCK_REALTIME, as the kernel stamps datagrams.
 */
#ifndef WITNESS_H
#define WITNESS_H

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

enum {
  WITNESS_CORES = 16,
  WITNESS_PAUSES = 1 << 16, /* a core */
  WITNESS_PERIOD = 250 * 1000,
  WITNESS_GAP = 500 * 1000,    /* between two looks; timers are some 50 us late on a guest that is left alone */
  WITNESS_SETTLED = 2 * 1000 * 1000, /* behind a pause, and what came meanwhile: the load asks for all that it missed at once, and */
  WITNESS_AFTERMATH = 8,             /* a server that is half busy then has so many times as long to do */
  WITNESS_PRIORITY = 50,
  WITNESS_PROCESSES = 16,
  WITNESS_THREADS = 64,        /* of each that are looked at */
  WITNESS_TAKEN = 200 * 1000,  /* so much of their time at once is more than a switch to and fro */
};

struct pause {
  uint64_t from, to; /* until everything is as it was before */
};

/* A process that is measured: of each thread what it has run, and waited to run. */
static struct witnessed {
  int thread_count;
  struct witnessed_thread {
    int file;
    uint64_t ran, waited, more_ran, more_waited;
  } threads[WITNESS_THREADS];
} witnessed[WITNESS_PROCESSES];
static int witnessed_count;

/* Every answer of the window. */
static struct sample {
  uint64_t sent_at, latency;
} *witness_samples;
static size_t witness_sample_count, witness_sample_room;

static struct witness {
  pthread_t thread;
  atomic_int count;
  struct pause *pauses;
} witnesses[WITNESS_CORES];
static int witness_count;
static atomic_bool witness_ends;
/* Of all cores, in order and apart: behind witness_end. */
static struct pause *witness_pauses;
static int witness_pause_count;

static uint64_t witness_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void witness_open(int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *directory = opendir(path);
  if (directory == NULL || witnessed_count == WITNESS_PROCESSES) return;
  struct witnessed *process = &witnessed[witnessed_count++];
  for (struct dirent *entry; (entry = readdir(directory)) != NULL && process->thread_count < WITNESS_THREADS;) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", pid, entry->d_name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) process->threads[process->thread_count++].file = file;
  }
  closedir(directory);
}

/* How long others have kept the threads of these processes from running since it was called last. */
static uint64_t witness_taken(void) {
  uint64_t most = 0;
  for (struct witnessed *process = witnessed; process < witnessed + witnessed_count; process++) {
    uint64_t all_ran = 0;
    for (int i = 0; i < process->thread_count; i++) {
      struct witnessed_thread *thread = &process->threads[i];
      char text[64];
      ssize_t length = pread(thread->file, text, sizeof text - 1, 0);
      thread->more_ran = thread->more_waited = 0;
      if (length <= 0) continue; /* it has ended */
      text[length] = '\0';
      char *end;
      uint64_t ran = strtoull(text, &end, 10), waited = strtoull(end, NULL, 10);
      thread->more_ran = ran - thread->ran;
      thread->more_waited = waited - thread->waited;
      thread->ran = ran;
      thread->waited = waited;
      all_ran += thread->more_ran;
    }
    for (int i = 0; i < process->thread_count; i++) {
      struct witnessed_thread *thread = &process->threads[i];
      uint64_t own = all_ran - thread->more_ran;
      if (thread->more_waited > own + most) most = thread->more_waited - own;
    }
  }
  return most;
}

static void *witness_run(void *argument) {
  struct witness *witness = argument;
  bool looks = witness == &witnesses[0];
  if (looks) witness_taken();
  uint64_t last = witness_now();
  while (!atomic_load_explicit(&witness_ends, memory_order_relaxed)) {
    nanosleep(&(struct timespec){0, WITNESS_PERIOD}, NULL);
    uint64_t now = witness_now();
    int count = atomic_load_explicit(&witness->count, memory_order_relaxed);
    uint64_t taken = looks ? witness_taken() : 0, gone = now > last + WITNESS_GAP ? now - last : 0;
    if (taken > WITNESS_TAKEN && taken > gone) gone = taken;
    if (gone > 0 && count < WITNESS_PAUSES) {
      /* What was waited for is counted when it is over. */
      uint64_t from = now - gone < last ? now - gone : last;
      witness->pauses[count] = (struct pause){from, now + WITNESS_AFTERMATH * gone + WITNESS_SETTLED};
      atomic_store_explicit(&witness->count, count + 1, memory_order_release);
    }
    last = now;
  }
  return NULL;
}

/* `cores` and `processes` as "0,1"; room for so many answers. Where threads may not have real-time priority nothing is known: then it does nothing. */
static void witness_start(const char *cores, const char *processes, size_t answers) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
  pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
  pthread_attr_setschedparam(&attributes, &(struct sched_param){.sched_priority = WITNESS_PRIORITY});
  witness_samples = malloc(answers * sizeof *witness_samples);
  if (witness_samples == NULL) return;
  memset(witness_samples, 0, answers * sizeof *witness_samples); /* so that no page is fetched within the window */
  witness_open(getpid());
  for (const char *at = processes; *at != '\0';) {
    char *end;
    witness_open((int)strtol(at, &end, 10));
    if (end == at) return;
    at = *end == ',' ? end + 1 : end;
  }
  for (const char *at = cores; *at != '\0' && witness_count < WITNESS_CORES;) {
    char *end;
    struct witness *witness = &witnesses[witness_count];
    cpu_set_t core;
    CPU_ZERO(&core);
    CPU_SET((int)strtol(at, &end, 10), &core);
    if (end == at) return;
    at = *end == ',' ? end + 1 : end;
    pthread_attr_setaffinity_np(&attributes, sizeof core, &core);
    witness->pauses = calloc(WITNESS_PAUSES, sizeof *witness->pauses);
    if (witness->pauses == NULL || pthread_create(&witness->thread, &attributes, witness_run, witness) != 0) return;
    witness_count++;
  }
  witness_sample_room = answers;
}

static void witness_note(uint64_t sent_at, uint64_t latency) {
  if (witness_sample_count == witness_sample_room) return;
  witness_samples[witness_sample_count++] = (struct sample){sent_at, latency};
}

static int witness_compare(const void *one, const void *other) {
  uint64_t a = ((const struct pause *)one)->from, b = ((const struct pause *)other)->from;
  return (a > b) - (a < b);
}

static void witness_end(void) {
  int count = 0;
  atomic_store(&witness_ends, true);
  if (witness_count == 0) return;
  witness_pauses = calloc((size_t)WITNESS_PAUSES * WITNESS_CORES, sizeof *witness_pauses);
  if (witness_pauses == NULL) abort();
  for (int i = 0; i < witness_count; i++) {
    pthread_join(witnesses[i].thread, NULL);
    for (int p = 0; p < witnesses[i].count; p++) witness_pauses[count++] = witnesses[i].pauses[p];
  }
  qsort(witness_pauses, count, sizeof *witness_pauses, witness_compare);
  for (int i = 0; i < count; i++) {
    struct pause *last = witness_pause_count > 0 ? &witness_pauses[witness_pause_count - 1] : NULL;
    if (last == NULL || witness_pauses[i].from > last->to) witness_pauses[witness_pause_count++] = witness_pauses[i];
    else if (witness_pauses[i].to > last->to) last->to = witness_pauses[i].to;
  }
}

/* Whether the machine was there from `from` to `to`, and what a pause had held up was done. */
static bool witness_calm(uint64_t from, uint64_t to) {
  int low = 0, high = witness_pause_count; /* the first pause that ends behind `from` */
  while (low < high) {
    int middle = (low + high) / 2;
    if (witness_pauses[middle].to > from) high = middle;
    else low = middle + 1;
  }
  return low == witness_pause_count || witness_pauses[low].from >= to;
}

/* As a field of the result, if anything is known. */
static void witness_print(void) {
  static struct histogram calm;
  if (witness_sample_room == 0) return;
  for (size_t i = 0; i < witness_sample_count; i++) {
    struct sample *sample = &witness_samples[i];
    if (witness_calm(sample->sent_at, sample->sent_at + sample->latency)) histogram_add(&calm, sample->latency);
  }
  printf(",\"calm\":");
  histogram_print(&calm);
}

#endif
