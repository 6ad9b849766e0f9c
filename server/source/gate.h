#ifndef MIRROR_SERVER_SOURCE_GATE_H_
#define MIRROR_SERVER_SOURCE_GATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "certs/audit_chain.h"
#include "certs/key_ring.h"
#include "certs/token.h"
#include "server/config/config.h"
#include "server/plan/caller.h"

namespace mirror {

/// Values that the gate's last check of a running call used. While they are valid, another check costs
/// almost nothing.
struct CallerStanding {
  std::uint64_t keys = 0;        ///< Generation of the keys and rules.
  std::int64_t key_until_s = 0;  ///< The end of the validity of the certificate of the caller's key; unix
                                 ///< seconds.
};

/// Returns the error for a header `authorization` that Gate::AdmitHeader() refuses. `what`: what is wrong
/// with it.
absl::Status BadHeader(std::string_view what);

/// Decides which callers are admitted. Every handler asks it first. It knows tokens, keys and the list of
/// tenants of each issuer, but no database. Later code checks whether the tenant exists and to whom it
/// belongs.
///
/// Reload() replaces keys and rules together. A running call is checked again by AdmitHeaderAgain(). Threads:
/// any.
class Gate {
 public:
  /// Reads [application], [tokens] and all [[issuer]] with their key files.
  /// Errors: as KeyRing::Load and SigningKey::Load, naming the file.
  static absl::StatusOr<std::unique_ptr<Gate>> Open(const ServerConfig& config);
  ~Gate();

  /// Admits any call except Authenticate, by its header `authorization: Bearer <token>`. Errors:
  ///   kUnauthenticated   the header or the token, with the rule that it breaks
  ///   kPermissionDenied  the tenant is not in that issuer's list
  absl::StatusOr<Caller> AdmitHeader(std::string_view authorization) const;
  /// Admits Authenticate by the token in its message. Verifies the token each time; the tenant remembers the
  /// nonce.
  absl::StatusOr<Caller> AdmitToken(std::string_view request_token) const;
  /// Decides whether a call that AdmitHeader() admitted may continue. Called at each step of the call, for
  /// example for each message. Refuses for the same reasons as for a new call, with one exception: a stream
  /// may take longer than its token is valid, so an expired token does not end the call. `standing` belongs
  /// to the call and is empty at first; only one thread at a time may use it. `now_s`: unix seconds.
  absl::Status AdmitHeaderAgain(std::string_view authorization, const Caller& caller, std::int64_t now_s,
                                CallerStanding* standing) const;

  /// Checks that sources of this issuer and environment may send rows of the tenant. Errors:
  /// kFailedPrecondition.
  absl::Status CheckTakes(const std::string& issuer, const std::string& environment,
                          const std::string& context_id) const;

  /// Signs `answer` with the application's key. Sets its `application_id` and `time_s`.
  absl::StatusOr<std::string> Sign(Answer answer) const;
  /// Signs the end of a tenant's chain of receipts. Uses `context_id`, `cycle` and `receipts` of `answer`.
  absl::StatusOr<std::string> SignReceipts(Answer answer) const;
  /// Signs a text that is not a token, with the application's key.
  absl::StatusOr<KeySignature> SignText(std::string_view text) const;
  std::string application_id() const;
  /// See SigningKey::PublicThumbprint().
  std::string application_key() const;

  /// Reads keys and rules again. Returns the number of keys. After an error the old ones stay valid.
  absl::StatusOr<std::size_t> Reload(const ServerConfig& config);

  /// Returns the sources' keys, then the application's own key, with the application's id as issuer and
  /// without times.
  std::vector<KeyInfo> keys() const;

 private:
  struct Content;
  explicit Gate(std::shared_ptr<const Content> content);
  static absl::StatusOr<std::shared_ptr<const Content>> Read(const ServerConfig& config);
  std::shared_ptr<const Content> content() const;

  mutable Mutex mutex_;
  std::shared_ptr<const Content> content_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_GATE_H_
