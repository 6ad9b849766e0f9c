#include "certs/audit_chain.h"

#include <openssl/rand.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "certs/openssl.h"

namespace mirror {
namespace {

constexpr std::size_t kFindingsMax = 20;
constexpr std::size_t kChainBytes = 16;
constexpr const char* kSealKinds[] = {"sealed", "pruned", "replaced", "gap"};

/// Appends a field with its length, so that two different lists of fields never give the same bytes.
void AppendField(std::string* bytes, std::string_view field) {
  absl::StrAppend(bytes, field.size(), ":", absl::string_view(field.data(), field.size()), ",");
}

std::string Records(std::uint64_t first, std::uint64_t last) {
  return first == last ? absl::StrCat("record ", first) : absl::StrCat("records ", first, " to ", last);
}

std::string At(std::int64_t time_ms) { return FormatUnixTime(time_ms / 1'000); }

}  // namespace

AuditPoint AuditGenesis(const std::string& chain) {
  return {chain, 0, Sha256(absl::StrCat("mirror-audit v1 chain ", chain))};
}

std::string NewAuditChain() {
  unsigned char bytes[kChainBytes];
  RAND_bytes(bytes, static_cast<int>(kChainBytes));
  return absl::BytesToHexString({reinterpret_cast<const char*>(bytes), kChainBytes});
}

std::string AuditHash(std::string_view previous, const AuditRecord& record) {
  std::string bytes = "mirror-audit v1 record ";
  AppendField(&bytes, previous);
  AppendField(&bytes, std::to_string(record.id));
  AppendField(&bytes, std::to_string(record.time_ms));
  for (const std::string* const field : {&record.who, &record.call, &record.outcome, &record.seal}) {
    AppendField(&bytes, *field);
  }
  return Sha256(bytes);
}

std::string SealText(const AuditSeal& seal) {
  return absl::StrCat("mirror-audit v1 ", kSealKinds[static_cast<int>(seal.kind)], "\nchain ",
                      seal.point.chain, "\nrecord ", seal.point.id, "\nhash ",
                      absl::BytesToHexString(seal.point.hash), "\ntime_ms ", seal.time_ms, "\n");
}

std::string FormatSeal(const AuditSeal& seal) {
  const nlohmann::ordered_json json = {{"kind", kSealKinds[static_cast<int>(seal.kind)]},
                                       {"chain", seal.point.chain},
                                       {"record", seal.point.id},
                                       {"hash", absl::BytesToHexString(seal.point.hash)},
                                       {"time_ms", seal.time_ms},
                                       {"key_id", seal.key_id},
                                       {"signature", absl::BytesToHexString(seal.signature)}};
  return json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

absl::StatusOr<AuditSeal> ParseSeal(std::string_view text) {
  const absl::Status wrong = absl::InvalidArgumentError("it is not a seal of an audit log");
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return wrong;
  AuditSeal seal;
  try {
    const std::string kind = json.at("kind").get<std::string>();
    const auto found = std::find(std::begin(kSealKinds), std::end(kSealKinds), kind);
    if (found == std::end(kSealKinds)) return wrong;
    seal.kind = static_cast<SealKind>(found - std::begin(kSealKinds));
    seal.point.chain = json.at("chain").get<std::string>();
    seal.point.id = json.at("record").get<std::uint64_t>();
    seal.point.hash = absl::HexStringToBytes(json.at("hash").get<std::string>());
    seal.time_ms = json.at("time_ms").get<std::int64_t>();
    seal.key_id = json.at("key_id").get<std::string>();
    seal.signature = absl::HexStringToBytes(json.at("signature").get<std::string>());
  } catch (const nlohmann::json::exception&) {
    return wrong;
  }
  return seal;
}

absl::Status Sign(const AuditSigner& signer, AuditSeal* seal) {
  ASSIGN_OR_RETURN(KeySignature made, signer(SealText(*seal)));
  seal->key_id = std::move(made.key_id);
  seal->signature = std::move(made.signature);
  return absl::OkStatus();
}

AuditChecker::AuditChecker(std::vector<PublicKey> keys, std::optional<AuditPoint> receipt,
                           std::string accepted_chain)
    : keys_(std::move(keys)), receipt_(std::move(receipt)), accepted_chain_(std::move(accepted_chain)) {}

void AuditChecker::Find(std::string what) {
  if (verdict_.findings.size() < kFindingsMax) verdict_.findings.push_back(std::move(what));
}

/// Returns true if one of the keys signed the seal. There may be several, because keys are replaced.
bool AuditChecker::IsSigned(const AuditSeal& seal) const {
  const std::string text = SealText(seal);
  return std::any_of(keys_.begin(), keys_.end(),
                     [&](const PublicKey& key) { return key.Verify(text, seal.signature); });
}

void AuditChecker::Expect(const AuditPoint& point, std::string what) {
  if (point.chain != state_.before.chain) {
    if (accepted_chain_ == state_.before.chain) return;
    return Find(absl::StrCat("the log was replaced: ", what, " is chain ", point.chain, " up to record ",
                             point.id, ", but the catalog holds chain ", state_.before.chain,
                             ". If you know why, add --chain ", state_.before.chain));
  }
  // A point is compared only if its record was not pruned.
  if (point.id > state_.before.id) expected_.push_back({point, std::move(what)});
}

void AuditChecker::Begin(const AuditState& state) {
  state_ = state;
  verdict_.last = state.before;
  // The start of the chain is computed here, not taken from the endpoint, because no record is before record
  // 1.
  if (state.before.id == 0) verdict_.last.hash = AuditGenesis(state.before.chain).hash;
  if (state.last.id > 0) Expect(state.last, "what the running server knows");
  if (receipt_) Expect(*receipt_, "what an earlier check saw");
  if (state.sealed) {
    if (!IsSigned(*state.sealed)) {
      Find("the signature in audit.head was not made with the application's key");
    } else {
      Expect(state.sealed->point, absl::StrCat("what was signed at ", At(state.sealed->time_ms)));
    }
  }
}

void AuditChecker::Add(const AuditRecord& record) {
  const AuditPoint before = verdict_.last;
  if (record.id <= before.id) return Find(absl::StrCat("record ", record.id, " is there twice"));
  const bool gap = record.id != before.id + 1;
  if (gap) Find(absl::StrCat(Records(before.id + 1, record.id - 1), " missing"));
  if (!gap && AuditHash(before.hash, record) != record.hash) {
    Find(absl::StrCat("record ", record.id, " (", At(record.time_ms),
                      ") was changed, or the hash of the record before it was"));
  }
  ++verdict_.records;
  verdict_.last.id = record.id;
  verdict_.last.hash = record.hash;
  for (const Expected& expected : expected_) {
    if (expected.point.id != record.id || expected.point.hash == record.hash) continue;
    Find(absl::StrCat("record ", record.id, " is not the same as ", expected.what,
                      ": this record or an earlier one was changed, and the hashes were recomputed"));
  }
  if (!record.seal.empty()) AddSeal(record, before);
}

void AuditChecker::AddSeal(const AuditRecord& record, const AuditPoint& before) {
  const absl::StatusOr<AuditSeal> seal = ParseSeal(record.seal);
  if (!seal.ok() || !IsSigned(*seal)) {
    return Find(
        absl::StrCat("the signature in record ", record.id, " was not made with the application's key"));
  }
  ++verdict_.seals;
  switch (seal->kind) {
    case SealKind::kSealed:
      if (seal->point != before) {
        return Find(absl::StrCat("one of the ", Records(verdict_.sealed_id + 1, record.id - 1),
                                 " was changed, and the hashes were recomputed: record ", record.id,
                                 " signs other content"));
      }
      verdict_.sealed_id = record.id;
      verdict_.sealed_ms = seal->time_ms;
      return;
    case SealKind::kPruned:
      if (seal->point == state_.before) pruning_signed_ = true;
      return;
    case SealKind::kReplaced:
      if (accepted_chain_ == before.chain) return;
      return Find(absl::StrCat(
          "the log was replaced at ", At(record.time_ms), ": this chain took the place of chain ",
          seal->point.chain, ", which was signed up to record ", seal->point.id,
          ". With SQLite files look for catalog.db.damaged-* in the data folder; with PostgreSQL, check "
          "whether the control database was restored, or its schema mirror_control dropped. If you know why, "
          "add --chain ",
          before.chain));
    case SealKind::kGap:
      return Find(absl::StrCat("the server could not keep all records: record ", record.id, " (",
                               At(record.time_ms), ") says: ", record.call));
  }
}

AuditVerdict AuditChecker::End() {
  for (const Expected& expected : expected_) {
    if (expected.point.id <= verdict_.last.id) continue;
    Find(absl::StrCat(Records(verdict_.last.id + 1, expected.point.id),
                      " missing at the end: ", expected.what, " reaches to record ", expected.point.id));
  }
  if (state_.before.id > 0) {
    verdict_.pruned_until = state_.before.id;
    if (!pruning_signed_) {
      Find(absl::StrCat(Records(1, state_.before.id),
                        " missing at the beginning, and no signed record says that the server pruned them"));
    }
  }
  if (verdict_.records > 0 && verdict_.seals == 0) Find("none of its records is signed");
  return std::move(verdict_);
}

}  // namespace mirror
