/**
 * The addon's border to JavaScript: arguments in, numbers out. Functions return a value >= 0, or -errno; a wrong type of
 * argument is a mistake in our own TypeScript and throws. src/native/index.ts has the signatures.
 */
#include "packets.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/** Raised with every change of a signature or layout, so that a stale build is noticed; NATIVE_VERSION in index.ts. */
#define INTERFACE_VERSION 11
#define MAX_ARGUMENTS 12
/** An IPv6 address with its zone, the path of a socket, or a notice that names one of ours. */
#define TEXT_SIZE 256

struct call {
  napi_env env;
  struct environment *environment;
  napi_value arguments[MAX_ARGUMENTS];
  bool wrong;
};

static struct call begin(napi_env env, napi_callback_info info) {
  struct call call = {.env = env};
  size_t count = MAX_ARGUMENTS;
  void *data = NULL;
  call.wrong = napi_get_cb_info(env, info, &count, call.arguments, NULL, &data) != napi_ok;
  call.environment = data;
  return call;
}

static napi_value finish(struct call *call, double value) {
  napi_value result = NULL;
  if (call->wrong) napi_throw_type_error(call->env, NULL, "weftdns native: wrong argument");
  else napi_create_double(call->env, value, &result);
  return result;
}

static int32_t integer(struct call *call, int index) {
  int32_t value = 0;
  if (napi_get_value_int32(call->env, call->arguments[index], &value) != napi_ok) call->wrong = true;
  return value;
}

static void text(struct call *call, int index, char out[TEXT_SIZE]) {
  size_t length = 0;
  out[0] = 0;
  if (napi_get_value_string_utf8(call->env, call->arguments[index], out, TEXT_SIZE, &length) != napi_ok)
    call->wrong = true;
}

static void *elements(struct call *call, int index, napi_typedarray_type expected, size_t *count) {
  napi_typedarray_type type;
  void *data = NULL;
  *count = 0;
  if (napi_get_typedarray_info(call->env, call->arguments[index], &type, count, &data, NULL, NULL) != napi_ok ||
      type != expected) {
    call->wrong = true;
    *count = 0;
    return NULL;
  }
  return data;
}

static struct port *port_argument(struct call *call) {
  int32_t id = integer(call, 0);
  struct port *port = id >= 0 && id < MAX_PORTS ? call->environment->ports[id] : NULL;
  if (!port) call->wrong = true;
  return port;
}

/* ---- Sockets ---- */

/** openUdp(address, port, receiveBuffer, flags): fd */
static napi_value js_open_udp(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  char address[TEXT_SIZE];
  text(&call, 0, address);
  int32_t port = integer(&call, 1), receive_buffer = integer(&call, 2), flags = integer(&call, 3);
  return finish(&call, call.wrong ? 0 : open_udp(address, (uint16_t)port, receive_buffer, (uint32_t)flags));
}

/** What takes a descriptor alone, and gives a number. */
#define OF_DESCRIPTOR(name, function)                              \
  static napi_value name(napi_env env, napi_callback_info info) {  \
    struct call call = begin(env, info);                           \
    int32_t fd = integer(&call, 0);                                \
    return finish(&call, call.wrong ? 0 : (double)function(fd));   \
  }

/** boundPort(fd): port */
OF_DESCRIPTOR(js_bound_port, bound_port)
/** refuseNew(fd) */
OF_DESCRIPTOR(js_refuse_new, refuse_new)
/** socketDrops(fd): datagrams */
OF_DESCRIPTOR(js_socket_drops, socket_drops)
/** socketFill(fd): from 0 to 1 */
OF_DESCRIPTOR(js_socket_fill, socket_fill)
/** socketMemory(fd): bytes */
OF_DESCRIPTOR(js_socket_memory, socket_memory)
/** resetOnClose(fd) */
OF_DESCRIPTOR(js_reset_on_close, reset_on_close)

/** closeFd(fd) */
static napi_value js_close_fd(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  int32_t fd = integer(&call, 0);
  return finish(&call, call.wrong || close(fd) == 0 ? 0 : -errno);
}

/** sendNotice(address, text, fd) */
static napi_value js_send_notice(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  char address[TEXT_SIZE], notice[TEXT_SIZE];
  text(&call, 0, address);
  text(&call, 1, notice);
  int32_t fd = integer(&call, 2);
  return finish(&call, call.wrong ? 0 : send_notice(address, notice, fd));
}

/** canBatch(): 0, or why not */
static napi_value js_can_batch(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  return finish(&call, call.wrong ? 0 : can_batch());
}

/** setSteering(fd, live) */
static napi_value js_set_steering(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  int32_t fd = integer(&call, 0);
  size_t count;
  const int32_t *live = elements(&call, 1, napi_int32_array, &count);
  return finish(&call, call.wrong ? 0 : set_steering(fd, live, count > UINT32_MAX ? UINT32_MAX : (uint32_t)count));
}

/** setReceiveBuffer(fd, bytes) */
static napi_value js_set_receive_buffer(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  int32_t fd = integer(&call, 0), bytes = integer(&call, 1);
  return finish(&call, call.wrong ? 0 : set_receive_buffer(fd, bytes));
}

/** setSendBuffer(fd, bytes) */
static napi_value js_set_send_buffer(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  int32_t fd = integer(&call, 0), bytes = integer(&call, 1);
  return finish(&call, call.wrong ? 0 : set_send_buffer(fd, bytes));
}

/** setLimits(fd, entries) */
static napi_value js_set_limits(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  int32_t fd = integer(&call, 0);
  size_t count;
  const uint32_t *entries = elements(&call, 1, napi_uint32_array, &count);
  return finish(&call, call.wrong ? 0 : set_limits(fd, entries, count / 4));
}

/** writeNow(fd, bytes, offset, length): bytes written */
static napi_value js_write_now(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  int32_t fd = integer(&call, 0), offset = integer(&call, 2), length = integer(&call, 3);
  size_t size;
  const uint8_t *bytes = elements(&call, 1, napi_uint8_array, &size);
  if (offset < 0 || length < 0 || (size_t)offset + (size_t)length > size) call.wrong = true;
  return finish(&call, call.wrong ? 0 : (double)write_now(fd, bytes + offset, (size_t)length));
}

/** interfaceAddresses(name, out): bytes */
static napi_value js_interface_addresses(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  char name[TEXT_SIZE];
  text(&call, 0, name);
  size_t size;
  uint8_t *out = elements(&call, 1, napi_uint8_array, &size);
  return finish(&call, call.wrong ? 0 : interface_addresses(name, out, size));
}

/* ---- Memory ---- */

/** Tells the kernel something about the pages that lie whole in the bytes of the first argument. */
static napi_value advise(napi_env env, napi_callback_info info, int advice) {
  struct call call = begin(env, info);
  size_t size;
  const uint8_t *bytes = elements(&call, 0, napi_uint8_array, &size);
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t from = ((uintptr_t)bytes + page - 1) & ~(page - 1), to = ((uintptr_t)bytes + size) & ~(page - 1);
  if (call.wrong || to <= from) return finish(&call, 0);
  return finish(&call, madvise((void *)from, to - from, advice) == 0 ? 0 : -errno);
}

/** useHugePages(bytes): asks the kernel to back these bytes by huge pages where it can; they must not be filled yet. */
static napi_value js_use_huge_pages(napi_env env, napi_callback_info info) { return advise(env, info, MADV_HUGEPAGE); }

/** releasePages(bytes): gives the pages back; they read as zeros until somebody writes to them again. */
static napi_value js_release_pages(napi_env env, napi_callback_info info) { return advise(env, info, MADV_DONTNEED); }

/** trimMemory(): gives memory that was freed, in all threads, back to the system; 1 when there was some. */
static napi_value js_trim_memory(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
#ifdef __GLIBC__
  return finish(&call, malloc_trim(0));
#else
  return finish(&call, 0);
#endif
}

/** unblockSignal(number): from now on the calling thread takes it; what has come before is delivered at once. */
static napi_value js_unblock_signal(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  sigset_t set;
  sigemptyset(&set);
  if (sigaddset(&set, integer(&call, 0)) != 0) return finish(&call, -EINVAL);
  return finish(&call, -pthread_sigmask(SIG_UNBLOCK, &set, NULL));
}

/* ---- Ports ---- */

/**
 * portOpen(received, lengths, sockets, addresses, sending, descriptors, statistics, slotSize, stride, onBatch, keep): port
 * `keep` is anything that holds the buffers, so that they live as long as the port.
 */
static napi_value js_port_open(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  struct port_buffers buffers = {0};
  size_t numbers;
  buffers.received = elements(&call, 0, napi_uint8_array, &buffers.received_size);
  buffers.lengths = elements(&call, 1, napi_int32_array, &buffers.slot_count);
  buffers.numbers = elements(&call, 2, napi_int32_array, &numbers);
  buffers.addresses = elements(&call, 3, napi_uint8_array, &buffers.addresses_size);
  buffers.sending = elements(&call, 4, napi_uint8_array, &buffers.sending_size);
  buffers.descriptors = elements(&call, 5, napi_int32_array, &buffers.descriptor_words);
  buffers.statistics = elements(&call, 6, napi_float64_array, &buffers.statistics_count);
  int32_t slot_size = integer(&call, 7), stride = integer(&call, 8);
  napi_valuetype type;
  if (napi_typeof(env, call.arguments[9], &type) != napi_ok || type != napi_function) call.wrong = true;
  if (napi_typeof(env, call.arguments[10], &type) != napi_ok || type != napi_object) call.wrong = true;
  if (call.wrong || slot_size < 0 || stride < 0 || numbers != buffers.slot_count) return finish(&call, -EINVAL);
  struct port *port = NULL;
  int error = port_open(call.environment, &buffers, (uint32_t)slot_size, (uint32_t)stride, call.arguments[9],
                        call.arguments[10], &port);
  return finish(&call, error ? error : (double)port->id);
}

/**
 * portAdd(port, fd): socket. The port takes a duplicate: when the owner closes his by mistake before the port let go, we
 * must not read from whatever file gets the same number next.
 */
static napi_value js_port_add(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  struct port *port = port_argument(&call);
  int32_t fd = integer(&call, 1);
  if (call.wrong) return finish(&call, 0);
  int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return finish(&call, own < 0 ? -errno : port_add(port, own));
}

/** portDescriptor(port, socket): the port's own descriptor of what `portAdd` took, valid until `portRemove`. */
static napi_value js_port_descriptor(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  struct port *port = port_argument(&call);
  int32_t number = integer(&call, 1);
  struct endpoint *endpoint = call.wrong || number < 0 ? NULL : find_endpoint(port, (uint32_t)number);
  return finish(&call, endpoint ? endpoint->fd : -EBADF);
}

/** portConnect(port, address, port, source, receiveBuffer): socket */
static napi_value js_port_connect(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  struct port *port = port_argument(&call);
  char address[TEXT_SIZE], source[TEXT_SIZE];
  text(&call, 1, address);
  text(&call, 3, source);
  int32_t number = integer(&call, 2), receive_buffer = integer(&call, 4);
  return finish(&call, call.wrong ? 0 : port_connect(port, address, (uint16_t)number, source, receive_buffer));
}

/** portRemove(port, socket) */
static napi_value js_port_remove(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  struct port *port = port_argument(&call);
  int32_t number = integer(&call, 1);
  if (!call.wrong && number >= 0) port_remove(port, (uint32_t)number);
  return finish(&call, 0);
}

/** portDrain(port, socket) */
static napi_value js_port_drain(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  struct port *port = port_argument(&call);
  int32_t number = integer(&call, 1);
  if (!call.wrong && number >= 0) port_drain(port, (uint32_t)number);
  return finish(&call, 0);
}

/** portSend(port, count): datagrams sent or kept */
static napi_value js_port_send(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  struct port *port = port_argument(&call);
  int32_t count = integer(&call, 1);
  return finish(&call, call.wrong || count <= 0 ? 0 : send_descriptors(port, (uint32_t)count));
}

/** portClose(port) */
static napi_value js_port_close(napi_env env, napi_callback_info info) {
  struct call call = begin(env, info);
  struct port *port = port_argument(&call);
  if (!call.wrong) port_close(port);
  return finish(&call, 0);
}

/* ---- The environment ---- */

/**
 * The thread ends, by itself or by terminate(), at any moment between two callbacks. Sockets and references go at once;
 * node waits for the libuv handles as long as the hook is not removed, which the last port does.
 */
static void on_environment_end(napi_async_cleanup_hook_handle handle, void *data) {
  struct environment *environment = data;
  environment->ending = true;
  for (int id = 0; id < MAX_PORTS; id++)
    if (environment->ports[id]) port_close(environment->ports[id]);
  napi_async_destroy(environment->env, environment->context);
  if (environment->alive > 0) return;
  napi_remove_async_cleanup_hook(handle);
  free(environment);
}

static bool set_function(struct environment *environment, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  return napi_create_function(environment->env, name, NAPI_AUTO_LENGTH, function, environment, &value) == napi_ok &&
         napi_set_named_property(environment->env, exports, name, value) == napi_ok;
}

static bool set_up(struct environment *environment, napi_value exports) {
  static const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"openUdp", js_open_udp},         {"boundPort", js_bound_port},     {"closeFd", js_close_fd},
      {"setSteering", js_set_steering}, {"socketDrops", js_socket_drops}, {"writeNow", js_write_now},
      {"setReceiveBuffer", js_set_receive_buffer}, {"setSendBuffer", js_set_send_buffer}, {"setLimits", js_set_limits},
      {"socketFill", js_socket_fill},   {"socketMemory", js_socket_memory}, {"resetOnClose", js_reset_on_close},
      {"sendNotice", js_send_notice},
      {"interfaceAddresses", js_interface_addresses},
      {"useHugePages", js_use_huge_pages}, {"releasePages", js_release_pages}, {"trimMemory", js_trim_memory},
      {"unblockSignal", js_unblock_signal}, {"refuseNew", js_refuse_new},
      {"portOpen", js_port_open},       {"portAdd", js_port_add},         {"portConnect", js_port_connect},
      {"portRemove", js_port_remove},   {"portSend", js_port_send},       {"portClose", js_port_close},
      {"portDrain", js_port_drain},     {"portDescriptor", js_port_descriptor},
      {"canBatch", js_can_batch},
  };
  napi_env env = environment->env;
  napi_value name, version;
  if (napi_get_uv_event_loop(env, &environment->loop) != napi_ok) return false;
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
    if (!set_function(environment, exports, functions[i].name, functions[i].function)) return false;
  if (napi_create_uint32(env, INTERFACE_VERSION, &version) != napi_ok) return false;
  if (napi_set_named_property(env, exports, "interfaceVersion", version) != napi_ok) return false;
  if (napi_create_string_utf8(env, "weftdns:packets", NAPI_AUTO_LENGTH, &name) != napi_ok) return false;
  if (napi_async_init(env, NULL, name, &environment->context) != napi_ok) return false;
  return napi_add_async_cleanup_hook(env, on_environment_end, environment, &environment->cleanup) == napi_ok;
}

/**
 * Large memory comes fresh from the system and goes back to it. Left alone, glibc takes more and more of it from its heap
 * once some was freed, up to 32 MiB at a time, and fills that with zeros: tables that nobody uses would take what they could
 * hold, at each reload anew.
 */
static void keep_large_memory_apart(void) {
#ifdef M_MMAP_THRESHOLD
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

NAPI_MODULE_INIT() {
  keep_large_memory_apart();
  struct environment *environment = calloc(1, sizeof *environment);
  if (environment) environment->env = env;
  if (environment && set_up(environment, exports)) return exports;
  free(environment);
  napi_throw_error(env, NULL, "weftdns native: no memory");
  return NULL;
}
