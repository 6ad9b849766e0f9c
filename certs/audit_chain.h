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

// The audit log as a chain: each record has SHA-256 over the previous hash and its own fields. From time to
// time a record is a seal, which signs the chain up to itself. The endpoint and the program that checks the
// log share this code.

struct AuditRecord {
  std::uint64_t id = 0;      ///< Numbers 1, 2, ... without a gap.
  std::int64_t time_ms = 0;  ///< Unix milliseconds.
  std::string who;           ///< Common name of the client's certificate; kAuditServer for the server itself.
  std::string call;          ///< Name of the call with its tenant and tables; never a value of a row.
  std::string outcome;       ///< OK, or the error status.
  std::string seal;          ///< Result of FormatSeal(); empty: the record is not a seal.
  std::string hash;          ///< 32 bytes.
};

inline constexpr char kAuditServer[] = "mirror-server";

/// A position in a chain: a record and its hash.
struct AuditPoint {
  std::string chain;  ///< Id of the chain; 32 hexadecimal digits.
  std::uint64_t id = 0;
  std::string hash;  ///< 32 bytes.
  friend bool operator==(const AuditPoint&, const AuditPoint&) = default;
};

/// Returns the start of a chain, before record 1.
AuditPoint AuditGenesis(const std::string& chain);
/// Returns 128 random bits as 32 hexadecimal digits.
std::string NewAuditChain();
/// Returns the hash of a record that follows the record with the hash `previous`. `record.hash` is ignored.
std::string AuditHash(std::string_view previous, const AuditRecord& record);

/// Statement of a seal about its point.
enum class SealKind {
  kSealed,    ///< Everything up to the point is unchanged since then.
  kPruned,    ///< Everything up to the point was removed, because the log has a size limit.
  kReplaced,  ///< This chain replaced another one. The point is the last signed point of that chain.
  kGap,       ///< Records after the point could not be stored. `call` of the seal's record has their number.
};

struct AuditSeal {
  SealKind kind = SealKind::kSealed;
  AuditPoint point;
  std::int64_t time_ms = 0;  ///< Time of the signature.
  std::string key_id;
  std::string signature;  ///< Signature over SealText().
};

/// Returns the bytes that are signed. No token can begin with the same bytes, so that a signature of one is
/// never valid for the other.
std::string SealText(const AuditSeal& seal);
/// Convert a seal to and from one line of JSON. Errors: kInvalidArgument: the text is not a seal.
std::string FormatSeal(const AuditSeal& seal);
absl::StatusOr<AuditSeal> ParseSeal(std::string_view text);

struct KeySignature {
  std::string key_id, signature;
};
using AuditSigner = std::function<absl::StatusOr<KeySignature>(std::string_view text)>;
/// Signs `seal`; its kind, point and time must be set.
absl::Status Sign(const AuditSigner& signer, AuditSeal* seal);

/// The state of a log, which comes before its records.
struct AuditState {
  AuditPoint before;                ///< The record before the first stored one.
  AuditPoint last;                  ///< The last record, as the running server has it in memory.
  std::optional<AuditSeal> sealed;  ///< The last seal, which is also stored outside of the catalog.
};

/// Result of a check.
struct AuditVerdict {
  std::vector<std::string> findings;  ///< Texts for people; empty: the log is intact.
  std::uint64_t records = 0, seals = 0;
  AuditPoint last;              ///< The last record that was read.
  std::uint64_t sealed_id = 0;  ///< Number of the last signed record; 0: no record is signed.
  std::int64_t sealed_ms = 0;   ///< Time of that signature.
  /// Number of the last record that the server removed, as a signed record says; 0: none was removed.
  std::uint64_t pruned_until = 0;
};

/// Checks a log from its first stored record to its last. Threads: one.
class AuditChecker {
 public:
  /// `keys`: the present and former keys of the application. `receipt`: the last point of an earlier check,
  /// if there was one. `accepted_chain`: id of a chain of which the caller knows that it replaced another
  /// one; may be empty.
  AuditChecker(std::vector<PublicKey> keys, std::optional<AuditPoint> receipt, std::string accepted_chain);

  void Begin(const AuditState& state);
  void Add(const AuditRecord& record);
  AuditVerdict End();

 private:
  struct Expected {
    AuditPoint point;
    std::string what;  ///< Text about the signed record, for findings.
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
