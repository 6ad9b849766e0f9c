#ifndef MIRROR_BASE_HTTP_MESSAGE_H_
#define MIRROR_BASE_HTTP_MESSAGE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// The header fields of a request that this program uses.
enum class HttpFieldName : std::uint8_t {
  kAccept,
  kAuthorization,
  kContentEncoding,
  kContentLength,
  kContentType,
  kExpect,
  kHost,
  kIdempotencyKey,
  kLastEventId,
  kOrigin,
  kTransferEncoding,
  kApiKey,
};

struct HttpField {
  std::string_view name;   ///< Name in lower case.
  std::string_view shown;  ///< Spelling in messages.
  /// A request may have several fields of this name. If false, the listener refuses a second one: a proxy
  /// before the server may have judged the request by the other field.
  bool may_repeat = false;
};

/// Indexed by HttpFieldName.
inline constexpr HttpField kHttpFields[] = {
    {"accept", "Accept", true},
    {"authorization", "Authorization"},
    {"content-encoding", "Content-Encoding"},
    {"content-length", "Content-Length"},
    {"content-type", "Content-Type"},
    {"expect", "Expect"},
    {"host", "Host"},
    {"idempotency-key", "Idempotency-Key"},
    {"last-event-id", "Last-Event-ID"},
    {"origin", "Origin"},
    {"transfer-encoding", "Transfer-Encoding"},
    {"x-api-key", "X-API-KEY"},
};

/// The request without its body.
struct HttpHead {
  std::string method;                                       ///< Unchanged, such as "GET".
  std::string path;                                         ///< The target up to a '?', not decoded.
  std::string query;                                        ///< The target after the '?', not decoded.
  std::vector<std::pair<std::string, std::string>> fields;  ///< Names in lower case.
  std::optional<std::uint64_t> content_length;
  bool has_body = false;  ///< The request has a body, or may have one: it is chunked.
  std::string peer;       ///< "127.0.0.1:4711"
  std::chrono::steady_clock::time_point came = {};

  /// Returns the first field of this name; null: there is none.
  const std::string* Find(HttpFieldName name) const;
};

/// Receives a body piece by piece. Calls come one after the other, each in any thread of the listener's pool.
/// An error ends the request; the door's Refuse() makes the answer for it.
class HttpBodySink {
 public:
  virtual ~HttpBodySink() = default;
  virtual absl::Status Write(std::string_view piece) = 0;
};

/// Gives an answer's body piece by piece, so that only one piece is in memory. Calls come one after the
/// other, each in any thread of the listener's pool. An empty piece does not end the body: the listener calls
/// again.
class HttpBodySource {
 public:
  virtual ~HttpBodySource() = default;
  /// Sets `piece`. Returns false if `piece` is the last one; it may then be empty. On an error or an
  /// exception the listener cuts the connection, so that the client knows that the body is incomplete.
  virtual absl::StatusOr<bool> Next(std::string* piece) = 0;
};

struct HttpAnswer {
  int status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::unique_ptr<HttpBodySource> stream = nullptr;  ///< If set, it is used instead of `body`.
};

/// The decision about a request, made before a byte of its body is read.
struct HttpAdmission {
  /// If set, this is the answer, and the body is not read. It is a refusal, or an answer that is ready. It
  /// must be small, because it does not wait for a turn.
  std::optional<HttpAnswer> refusal = std::nullopt;
  std::uint64_t body_bytes_max = 0;
  /// Name of the client. The number of answers for one asker is limited. Empty: a request without an API key.
  std::string asker = {};
  /// Number of turns that the request needs. Use more than one if its answer needs much memory.
  std::size_t weight = 1;
  /// The door's own number of the call; the listener passes it to NoteAnswer().
  std::size_t call = 0;
  /// Receives the body. Null: the body is kept in memory and given to `answer`.
  std::shared_ptr<HttpBodySink> sink = nullptr;
  /// Makes the answer. Called once by a thread of the pool, when the body is complete.
  std::function<HttpAnswer(const HttpHead& head, std::string body)> answer = nullptr;
};

/// The application behind a listener.
class HttpDoor {
 public:
  virtual ~HttpDoor() = default;
  /// Decides about a request when its head is complete. Called in the listener's only thread, so it must not
  /// wait.
  virtual HttpAdmission Admit(const HttpHead& head) = 0;
  /// Makes the answer for a refusal of the listener or a sink: a text, unless a door overrides it.
  virtual HttpAnswer Refuse(int status, std::string_view words) const;
  /// Reports the answer of each request before it is sent, also if the listener itself refuses the request. A
  /// stream is reported when it begins. `call`: HttpAdmission::call; 0: the request was not admitted. `took`:
  /// time since the request's head was complete. Called in the listener's only thread, so it must not wait.
  virtual void NoteAnswer(std::size_t /*call*/, int /*status*/, std::chrono::nanoseconds /*took*/) {}
  /// Reports that a body is refused with 503, because waiting bodies use all memory. Called as NoteAnswer().
  virtual void NoteNoRoom() {}
};

/// Returns the HTTP status for a sink's error.
int HttpStatusOf(const absl::Status& status);

/// The decoded target of a request.
struct HttpTarget {
  std::vector<std::string> segments;  ///< Segments of the path, without its first '/'; "/" has none.
  std::vector<std::pair<std::string, std::string>> query;  ///< In order; a '+' is a blank.

  /// Returns the values of all parameters of this name.
  std::vector<std::string> All(std::string_view name) const;
};

/// Decodes `path` and `query` of HttpHead. Errors: kInvalidArgument, with a text for people. Refused are
/// targets that two programs may read differently: a '%' without two digits; an encoded '/' or NUL; control
/// characters; bytes that are not UTF-8; segments that are empty, "." or ".."; more than 1,000 parameters.
absl::StatusOr<HttpTarget> ParseHttpTarget(std::string_view path, std::string_view query);

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_MESSAGE_H_
