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

/// The fields of a request that this program reads.
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
  std::string_view name;   ///< In lower case.
  std::string_view shown;  ///< As messages write it.
  /// A request may have several. Of the others the listener refuses a second one: a proxy may have judged the
  /// request by that one.
  bool may_repeat = false;
};

/// By HttpFieldName.
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

/// What stands before a request's body.
struct HttpHead {
  std::string method;                                       ///< As it was sent, "GET".
  std::string path;                                         ///< Up to a '?', as it was sent.
  std::string query;                                        ///< Behind it, as it was sent.
  std::vector<std::pair<std::string, std::string>> fields;  ///< Names in lower case.
  std::optional<std::uint64_t> content_length;
  bool has_body = false;  ///< Or may have one: chunked.
  std::string peer;       ///< "127.0.0.1:4711"
  std::chrono::steady_clock::time_point came = {};

  /// Returns the first field of this name; null: there is none.
  const std::string* Find(HttpFieldName name) const;
};

/// Takes a body piece by piece. Calls come one after the other, each on any thread of the listener's pool. An
/// error ends the request with what Refuse() of the door makes of it.
class HttpBodySink {
 public:
  virtual ~HttpBodySink() = default;
  virtual absl::Status Write(std::string_view piece) = 0;
};

/// Gives an answer's body piece by piece, so that no more than one of them is in memory. Calls come one after
/// the other, each on any thread of the listener's pool. An empty one is no end: it asks again.
class HttpBodySource {
 public:
  virtual ~HttpBodySource() = default;
  /// False: `piece` is the last one, or empty. An error, or what it throws, cuts the connection, by which the
  /// client knows that the body is not whole.
  virtual absl::StatusOr<bool> Next(std::string* piece) = 0;
};

struct HttpAnswer {
  int status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::unique_ptr<HttpBodySource> stream = nullptr;  ///< In the place of `body`.
};

/// What becomes of a request, decided before a byte of its body is read.
struct HttpAdmission {
  /// It is answered with this, and its body is not read: a refusal, or what is there already. Small: it takes
  /// no turn.
  std::optional<HttpAnswer> refusal = std::nullopt;
  std::uint64_t body_bytes_max = 0;
  /// Who asks: answers of one are bounded by themselves. Empty: it is a request without an API key.
  std::string asker = {};
  /// Turns that it takes, for what its answer may hold until it is taken.
  std::size_t weight = 1;
  /// The door's own number of what is asked for, which NoteAnswer() gets back.
  std::size_t call = 0;
  /// Takes the body; null: it is kept in memory for `answer`.
  std::unique_ptr<HttpBodySink> sink = nullptr;
  /// Called once by a thread of the pool, when the body is there.
  std::function<HttpAnswer(const HttpHead& head, std::string body)> answer = nullptr;
};

/// What stands behind a listener.
class HttpDoor {
 public:
  virtual ~HttpDoor() = default;
  /// On the listener's one thread: it must not wait.
  virtual HttpAdmission Admit(const HttpHead& head) = 0;
  /// The answer to what the listener itself, or a sink, refuses: in text, unless a door says it otherwise.
  virtual HttpAnswer Refuse(int status, std::string_view words) const;
  /// What a request is answered with, told before that is sent, also of what the listener itself refuses; of
  /// a stream when it begins. `call`: that of its admission; 0: it was not admitted. `took`: since its head
  /// was there. On the listener's one thread: it must not wait.
  virtual void NoteAnswer(std::size_t /*call*/, int /*status*/, std::chrono::nanoseconds /*took*/) {}
  /// A body is refused with 503, as those that wait have all the room there is. As NoteAnswer().
  virtual void NoteNoRoom() {}
};

/// The status of HTTP that a sink's error becomes.
int HttpStatusOf(const absl::Status& status);

/// What a request's target says, decoded.
struct HttpTarget {
  std::vector<std::string> segments;  ///< Of the path, without its first '/'; "/" has none.
  std::vector<std::pair<std::string, std::string>> query;  ///< In their order; a '+' is a blank.

  /// Of the query, every value of this name.
  std::vector<std::string> All(std::string_view name) const;
};

/// `path` and `query` as HttpHead has them. Errors: kInvalidArgument, with words for people, for what two
/// programs might read otherwise: a '%' without two digits; an encoded '/' or NUL; control characters; what
/// is not UTF-8; segments that are empty, "." or ".."; more than 1,000 parameters.
absl::StatusOr<HttpTarget> ParseHttpTarget(std::string_view path, std::string_view query);

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_MESSAGE_H_
