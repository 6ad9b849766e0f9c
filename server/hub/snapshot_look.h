#ifndef MIRROR_SERVER_HUB_SNAPSHOT_LOOK_H_
#define MIRROR_SERVER_HUB_SNAPSHOT_LOOK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/hub/plan/derive.h"
#include "server/hub/plan/hub_rules.h"
#include "server/hub/plan/member_look.h"
#include "server/tenant/mirror/hub_calls.h"

namespace mirror {

/// Returns when a row was changed, by the value of its own column; unix milliseconds. A value of a time type
/// is used directly. Whole numbers are unix seconds, or above 10^11 milliseconds. A text is parsed by
/// `format`, which absl::ParseTime() takes (it knows the formats of strptime); without a format as ISO 8601.
/// A time without a zone is UTC. Absent: the column has no value, or none that can be parsed.
std::optional<std::int64_t> ChangedTime(const Column& column, const Literal& value,
                                        const std::string& format);

/// Approximate maximum, in bytes, that one look reads of a ledger.
inline constexpr std::size_t kLedgerBytesMax = 512 << 20;

/// A member's mirror, read in one snapshot.
class SnapshotLook final : public MemberLook {
 public:
  /// Opens a look. `rules` must outlive it. Errors: kFailedPrecondition, with the reason for people: the
  /// mirror is not in the state of a completed cycle, and is to be read after a later one; kInvalidArgument:
  /// the rules do not fit it, for example because a mapped column was dropped; those of Snapshot.
  static absl::StatusOr<std::unique_ptr<SnapshotLook>> Open(const HubRules& rules,
                                                            const std::string& data_source,
                                                            HubReading reading);

  const LookHead& head() const override { return head_; }
  const HubReading& reading() const { return reading_; }

  absl::StatusOr<std::optional<std::int64_t>> SaltOf(std::int64_t number) override;
  absl::Status ReadNews(std::int64_t number, const TakeNews& take) override;
  absl::StatusOr<std::vector<LedgerEntry>> ReadLedger(std::int64_t above,
                                                      std::optional<std::int64_t> since) override;
  absl::StatusOr<std::int64_t> LastLedgerNumber() override;
  absl::StatusOr<std::optional<SourceRow>> ReadRow(const HubMember& member, const std::string& key) override;
  const FormedColumns& FormsOf(const HubMember& member, bool whole) override;
  absl::Status ReadRows(const HubMember& member, const TakeRow& take) override;

  /// Returns a note for each table with rows whose column `changed` has a text that is not a time by the
  /// rules.
  std::vector<HubNote> UnreadTimes() const;

 private:
  /// How a table is read: the key's columns, then the mapped ones, then `changed`.
  struct Form {
    TableSchema kept;
    std::vector<std::uint32_t> columns;
    std::vector<std::string> mapped;  ///< The rules' names of the columns after the key's.
    std::string changed, changed_format;
    FormedColumns formed, formed_whole;  ///< See FormsOf().
  };
  /// Returns the time of a row; `value`: the last column that was read.
  std::optional<std::int64_t> TimeOf(const std::string& table, const Form& form, const Literal& value);

  SnapshotLook(const HubRules& rules, std::string data_source, HubReading reading)
      : rules_(rules), data_source_(std::move(data_source)), reading_(std::move(reading)) {}
  absl::Status Prepare();
  absl::Status CheckWhole();
  absl::Status AddForm(const std::string& table, const std::vector<std::string>& mapped,
                       const HubMember* member);
  absl::Status ReadEntry(const JournalEntry& entry, const TakeNews& take);
  bool TakeWrote(const std::string& json, LedgerEntry* entry) const;
  absl::Status TakeLedgerRow(const ChangeBatch& batch, std::uint32_t row, std::int64_t above,
                             std::map<std::int64_t, LedgerEntry>* entries);
  absl::Status ReadWholeLedger(std::int64_t above, std::map<std::int64_t, LedgerEntry>* entries);
  absl::Status ReadLedgerEntry(const std::string& id, std::int64_t above,
                               std::map<std::int64_t, LedgerEntry>* entries);
  Snapshot& snapshot() { return *reading_.snapshot; }
  bool has_ledger() const { return forms_.count(std::string(kLedgerTable)) > 0; }

  const HubRules& rules_;
  const std::string data_source_;
  HubReading reading_;
  LookHead head_;
  std::map<std::string, Form> forms_;  ///< By table, as the rules spell it.
  std::int64_t last_ledger_number_ = -1;
  std::size_t ledger_bytes_ = 0;                       ///< Bytes of the ledger that were read so far.
  std::map<std::string, std::uint64_t> unread_times_;  ///< Number of rows, by table.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_SNAPSHOT_LOOK_H_
