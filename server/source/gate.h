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

/// What a call that goes on was last judged by: while that holds, another look is nearly free.
struct CallerStanding {
  std::uint64_t keys = 0;        ///< Generation of the keys and rules.
  std::int64_t key_until_s = 0;  ///< When its key's certificate is no longer valid; unix seconds.
};

/// Of a header `authorization` that is not as Gate::AdmitHeader() wants it. `what` is wrong with it.
absl::Status BadHeader(std::string_view what);

/// Who may call: the first line of every handler. It knows tokens, keys and each issuer's list of tenants,
/// and no database: whether the tenant is there, and whose it is, is asked behind it.
///
/// Keys and rules are replaced as one by Reload(); a call that is under way asks again with
/// AdmitHeaderAgain(). Threads: any.
class Gate {
 public:
  /// Reads [application], [tokens] and all [[issuer]] with their key files.
  /// Errors: as KeyRing::Load and SigningKey::Load, naming the file.
  static absl::StatusOr<std::unique_ptr<Gate>> Open(const ServerConfig& config);
  ~Gate();

  /// Any call but Authenticate: its one header `authorization: Bearer <token>`.
  ///   kUnauthenticated   the header or the token, with the rule that it breaks
  ///   kPermissionDenied  the tenant is not in that issuer's list
  absl::StatusOr<Caller> AdmitHeader(std::string_view authorization) const;
  /// Authenticate: the token of its message. Verified anew each time; its nonce is the tenant's to remember.
  absl::StatusOr<Caller> AdmitToken(std::string_view request_token) const;
  /// A call that AdmitHeader() let in goes on, for example with another message: asked at each step. Refused
  /// like a new call, but that the end of the token itself does not end a call: a stream may take longer than
  /// a token is good for. `standing` begins empty and is the call's own; not from two threads. `now_s`: unix
  /// seconds.
  absl::Status AdmitHeaderAgain(std::string_view authorization, const Caller& caller, std::int64_t now_s,
                                CallerStanding* standing) const;

  /// Whether sources of that issuer and environment may push the tenant. Errors: kFailedPrecondition.
  absl::Status CheckTakes(const std::string& issuer, const std::string& environment,
                          const std::string& context_id) const;

  /// Signs as the application. `application_id` and `time_s` of `answer` are set here.
  absl::StatusOr<std::string> Sign(Answer answer) const;
  /// The end of a tenant's chain of receipts: `context_id`, `cycle` and `receipts` of `answer`.
  absl::StatusOr<std::string> SignReceipts(Answer answer) const;
  /// Signs a text that is no token with the application's key.
  absl::StatusOr<KeySignature> SignText(std::string_view text) const;
  std::string application_id() const;
  /// See SigningKey::PublicThumbprint().
  std::string application_key() const;

  /// After an error the old keys and rules stay in force. Gives the number of keys.
  absl::StatusOr<std::size_t> Reload(const ServerConfig& config);

  /// The sources' keys, then the application's own with its id as issuer; that one has no times.
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
