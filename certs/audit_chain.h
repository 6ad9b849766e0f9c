#ifndef MIRROR_CERTS_AUDIT_CHAIN_H_
#define MIRROR_CERTS_AUDIT_CHAIN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/key.h"

namespace mirror {

// The audit log as a chain: each record carries SHA-256 over the hash before it and its own fields, and from
// time to time one of them is a seal, which signs where the chain stands. Endpoint and checker share this.

struct AuditRecord {
  std::uint64_t id = 0;      ///< 1, 2, ... without a gap.
  std::int64_t time_ms = 0;  ///< Unix milliseconds.
  std::string who;           ///< Common name of the client's certificate; kAuditServer for the server's own.
  std::string call;          ///< Name of the call and its tenant and tables; never a value.
  std::string outcome;       ///< OK, or the status.
  std::string seal;          ///< AuditSeal as text; empty: an ordinary record.
  std::string hash;          ///< 32 bytes.
};

inline constexpr char kAuditServer[] = "mirror-server";

/// Where a chain stands: at which record, with which hash.
struct AuditPoint {
  std::string chain;  ///< Id of the chain; 32 hexadecimal digits.
  std::uint64_t id = 0;
  std::string hash;  ///< 32 bytes.
  friend bool operator==(const AuditPoint&, const AuditPoint&) = default;
};

/// What a chain begins with, before record 1.
AuditPoint AuditGenesis(const std::string& chain);
/// 128 random bits as 32 hexadecimal digits.
std::string NewAuditChain();
/// Of a record behind one with the hash `previous`. Its own hash is not looked at.
std::string AuditHash(std::string_view previous, const AuditRecord& record);

/// What a seal says of its point.
enum class SealKind {
  kSealed,    ///< All up to the point is as it was then.
  kPruned,    ///< All up to the point was removed because the log is bounded.
  kReplaced,  ///< This chain took the place of another one, whose last signed point it was.
  kGap,       ///< Behind the point, records could not be kept. The record's call says how many.
};

struct AuditSeal {
  SealKind kind = SealKind::kSealed;
  AuditPoint point;
  std::int64_t time_ms = 0;  ///< When it was signed.
  std::string key_id;
  std::string signature;  ///< Over SealText().
};

/// The bytes that are signed. A token cannot begin like this.
std::string SealText(const AuditSeal& seal);
/// One line of JSON, and back. Errors: kInvalidArgument.
std::string FormatSeal(const AuditSeal& seal);
absl::StatusOr<AuditSeal> ParseSeal(std::string_view text);

struct KeySignature {
  std::string key_id, signature;
};
using AuditSigner = std::function<absl::StatusOr<KeySignature>(std::string_view text)>;
/// Signs `seal`, whose kind, point and time are set.
absl::Status Sign(const AuditSigner& signer, AuditSeal* seal);

/// What is said of a log before its records.
struct AuditState {
  AuditPoint before;                ///< Of the record before the first that is kept.
  AuditPoint last;                  ///< As the running server knows it.
  std::optional<AuditSeal> sealed;  ///< The last one, which is also kept outside of the catalog.
};

/// What a check found.
struct AuditVerdict {
  std::vector<std::string> findings;  ///< For people; empty: the log is whole.
  std::uint64_t records = 0, seals = 0;
  AuditPoint last;                 ///< Of the last record that was seen.
  std::uint64_t sealed_id = 0;     ///< Records up to here are signed; 0: none.
  std::int64_t sealed_ms = 0;      ///< When.
  std::uint64_t pruned_until = 0;  ///< Removed by the server, as it signed; 0: none.
};

/// Looks at a log from its first kept record to its last. Threads: one.
class AuditChecker {
 public:
  /// `keys`: the application's, present and former. `receipt`: what an earlier check saw, if any.
  /// `accepted_chain`: a chain that is known to have taken the place of another; may be empty.
  AuditChecker(std::vector<PublicKey> keys, std::optional<AuditPoint> receipt, std::string accepted_chain);

  void Begin(const AuditState& state);
  void Add(const AuditRecord& record);
  AuditVerdict End();

 private:
  struct Expected {
    AuditPoint point;
    std::string what;  ///< "what was signed at ..."
  };
  void Find(std::string what);
  void Expect(const AuditPoint& point, std::string what);
  void AddSeal(const AuditRecord& record, const AuditPoint& before);
  bool IsSigned(const AuditSeal& seal) const;

  const std::vector<PublicKey> keys_;
  const std::optional<AuditPoint> receipt_;
  const std::string accepted_chain_;
  AuditState state_;
  AuditVerdict verdict_;
  std::vector<Expected> expected_;
  bool pruning_signed_ = false;
};

}  // namespace mirror

#endif  // MIRROR_CERTS_AUDIT_CHAIN_H_
