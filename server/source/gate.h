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

/// Basis of the gate's last check of a running call: while it holds, another check is nearly free.
struct CallerStanding {
  std::uint64_t keys = 0;        ///< Generation of the keys and rules.
  std::int64_t key_until_s = 0;  ///< When its key's certificate is no longer valid; unix seconds.
};

/// Returns the error for a header `authorization` that Gate::AdmitHeader() refuses. `what`: its fault.
absl::Status BadHeader(std::string_view what);

/// Decides which callers are admitted: the first line of every handler. It knows tokens, keys and each
/// issuer's list of tenants, and no database: later code checks whether the tenant exists, and whose it is.
///
/// Reload() replaces keys and rules as one; a running call asks again
/// with AdmitHeaderAgain(). Threads: any.
class Gate {
 public:
  /// Reads [application], [tokens] and all [[issuer]] with their key files.
  /// Errors: as KeyRing::Load and SigningKey::Load, naming the file.
  static absl::StatusOr<std::unique_ptr<Gate>> Open(const ServerConfig& config);
  ~Gate();

  /// Admits any call except Authenticate by its one header `authorization: Bearer <token>`.
  ///   kUnauthenticated   the header or the token, with the rule that it breaks
  ///   kPermissionDenied  the tenant is not in that issuer's list
  absl::StatusOr<Caller> AdmitHeader(std::string_view authorization) const;
  /// Admits Authenticate by its message's token. Verified anew each time; the tenant remembers its nonce.
  absl::StatusOr<Caller> AdmitToken(std::string_view request_token) const;
  /// Decides whether a call that AdmitHeader() admitted may continue; called at each step, for example
  /// for each message. Refuses as for a new call, except that the end of the token does not end the call:
  /// a stream may take longer than a token is valid. `standing` begins empty, belongs to the call and is
  /// not for two threads at once. `now_s`: unix seconds.
  absl::Status AdmitHeaderAgain(std::string_view authorization, const Caller& caller, std::int64_t now_s,
                                CallerStanding* standing) const;

  /// Checks that sources of that issuer and environment may push the tenant. Errors: kFailedPrecondition.
  absl::Status CheckTakes(const std::string& issuer, const std::string& environment,
                          const std::string& context_id) const;

  /// Signs as the application. Sets `application_id` and `time_s` of `answer`.
  absl::StatusOr<std::string> Sign(Answer answer) const;
  /// Signs the end of a tenant's chain of receipts: `context_id`, `cycle` and `receipts` of `answer`.
  absl::StatusOr<std::string> SignReceipts(Answer answer) const;
  /// Signs a text that is not a token, with the application's key.
  absl::StatusOr<KeySignature> SignText(std::string_view text) const;
  std::string application_id() const;
  /// See SigningKey::PublicThumbprint().
  std::string application_key() const;

  /// Reads keys and rules again. After an error the old ones stay in force. Returns the number of keys.
  absl::StatusOr<std::size_t> Reload(const ServerConfig& config);

  /// Returns the sources' keys, then the application's own with its id as issuer; that key has no times.
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
