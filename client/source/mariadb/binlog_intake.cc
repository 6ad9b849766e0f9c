#include "client/source/mariadb/binlog_intake.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/human_text.h"
#include "base/status_macros.h"

namespace mirror {

void GroupPrint::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

GroupPrint::GroupPrint() : state_(XXH3_createState()) { Begin(); }
GroupPrint::~GroupPrint() = default;

void GroupPrint::Begin() { XXH3_64bits_reset(state_.get()); }

void GroupPrint::Add(const binlog::Event& event) {
  // Without the flags: the server changes some of them when it sends the event.
  std::array<char, 13> head{};
  std::memcpy(head.data(), &event.time_s, 4);
  std::memcpy(head.data() + 4, &event.server_id, 4);
  std::memcpy(head.data() + 8, &event.next_position, 4);
  head[12] = static_cast<char>(event.type);
  XXH3_64bits_update(state_.get(), head.data(), head.size());
  XXH3_64bits_update(state_.get(), event.body.data(), event.body.size());
}

std::string GroupPrint::Text() const {
  return absl::StrCat(absl::Hex(XXH3_64bits_digest(state_.get()), absl::kZeroPad16));
}

namespace {

using binlog::EventType;
using binlog::RowsKind;

/// The server writes it to the binlog before it commits: a snapshot at a later place may not see it. Until
/// then the stage keeps this text and the time of the last one.
constexpr char kXaCommitted[] = "a transaction was committed that had been prepared (XA), read at ";
constexpr char kXaSettled[] =
    "a transaction that had been prepared (XA) was committed in the half minute before rows were read last";
constexpr char kRedefinedInBinlog[] = "its definition changed while rows of it were written";
/// Memory limit for changes held for savepoints.
constexpr std::size_t kHeldBytesMax = 16'000'000;
constexpr std::size_t kMapsMax = 10'000;
/// Number of group ends that are remembered, for snapshots that were taken just before.
constexpr std::size_t kEndsMax = 200'000;

std::size_t BytesOf(const LoggedChange& change) {
  std::size_t bytes = sizeof(LoggedChange) + change.old_key.size() + change.key.size();
  for (const StagedValue& value : change.values)
    bytes += sizeof(StagedValue) + (value.text ? value.text->size() : 0);
  return bytes;
}

/// Whether events of this type contain nothing about rows.
bool SaysNothing(EventType type) {
  switch (type) {
    case EventType::kIntVar:
    case EventType::kRand:
    case EventType::kUserVar:
    case EventType::kAnnotateRows:
    case EventType::kCheckpoint:
    case EventType::kGtidList:
    case EventType::kStartEncryption:
    case EventType::kStop:
    case EventType::kRotate:
    case EventType::kFormatDescription:
    case EventType::kHeartbeat:
    case EventType::kIgnorable:
      return true;
    default:
      return false;
  }
}

bool IsOfLoad(EventType type) {
  return type == EventType::kBeginLoadQuery || type == EventType::kAppendBlock ||
         type == EventType::kDeleteFile || type == EventType::kExecuteLoadQuery;
}

/// Returns true once, when the time has come. Limits `when` if the clock was set back.
bool TakeSettled(std::int64_t now_ms, std::chrono::milliseconds after, std::optional<std::int64_t>* when) {
  if (!*when) return false;
  *when = std::min(**when, now_ms + after.count());
  if (now_ms < **when) return false;
  when->reset();
  return true;
}

}  // namespace

BinlogIntake::BinlogIntake(Stage& stage, std::int64_t lsn, BinlogPosition position, std::string print,
                           std::chrono::milliseconds settled_after)
    : stage_(stage),
      expected_(std::move(position)),
      expected_print_(std::move(print)),
      settled_after_(settled_after),
      lsn_(lsn) {
  position_ = expected_;
  position_.end = expected_.again;
  const absl::StatusOr<std::vector<StagedTable>> tables = stage_.Tables();
  for (const StagedTable& table : tables.ok() ? *tables : std::vector<StagedTable>()) {
    if (!table.gone_because.starts_with(kXaCommitted)) continue;
    absl::Time time;
    const std::string since = table.gone_because.substr(std::strlen(kXaCommitted));
    if (!absl::ParseTime(absl::RFC3339_full, since, &time, nullptr)) time = absl::Now();
    settles_ms_ = std::max(settles_ms_.value_or(0), absl::ToUnixMillis(time) + settled_after_.count());
  }
}

// --- Detecting new events -----------------------------------------------------

absl::Status BinlogIntake::Verify(const BinlogPlace& after) {
  if (IsBefore(after, expected_.end)) return absl::OkStatus();
  verified_ = expected_print_.empty() || (after == expected_.end && print_.Text() == expected_print_);
  if (verified_) {
    ends_.emplace_back(after, lsn_);
    return absl::OkStatus();
  }
  is_other_log_ = true;
  return absl::AbortedError("the server's binlog is not the one that was read before");
}

absl::Status BinlogIntake::Take(const binlog::Event& event, const BinlogPlace& before,
                                const BinlogPlace& after) {
  if (failure_.ok()) failure_ = TakeNext(event, before, after);
  return failure_;
}

absl::Status BinlogIntake::TakeNext(const binlog::Event& event, const BinlogPlace& before,
                                    const BinlogPlace& after) {
  // These events are in no file: a reader that starts again does not meet them at the same place.
  if (event.is_artificial() || event.type == EventType::kHeartbeat) return absl::OkStatus();
  const bool begins = event.type == EventType::kGtid || event.type == EventType::kFormatDescription;
  if (begins) {
    print_.Begin();
    position_.again = before;
    // The server died while it wrote the group; the database does not have its changes.
    group_.reset();
  }
  print_.Add(event);
  if (!verified_) {
    position_.end = after;
    return Verify(after);
  }
  if (event.type == EventType::kGtid) {
    RETURN_IF_ERROR(BeginGroup(event));
  } else if (!SaysNothing(event.type)) {
    RETURN_IF_ERROR(TakeInGroup(event));
  }
  if (!group_) position_.end = after;
  if (std::exchange(has_ended_, false)) {
    ends_.emplace_back(after, lsn_);
    if (ends_.size() > kEndsMax) ends_.pop_front();
  }
  return absl::OkStatus();
}

std::optional<std::int64_t> BinlogIntake::LsnAt(const BinlogPlace& place) const {
  const auto behind =
      std::upper_bound(ends_.begin(), ends_.end(), place,
                       [](const BinlogPlace& one, const auto& end) { return IsBefore(one, end.first); });
  if (behind == ends_.begin()) return std::nullopt;
  return behind == ends_.end() ? lsn_ : behind->second - 1;
}

// --- Groups -------------------------------------------------------------------

void BinlogIntake::TakeNextTables() {
  if (next_tables_ != nullptr) tables_ = std::exchange(next_tables_, nullptr);
}

absl::Status BinlogIntake::BeginGroup(const binlog::Event& event) {
  ASSIGN_OR_RETURN(const binlog::GroupBegin begin, binlog::ReadGtid(event));
  TakeNextTables();
  // The server assigns new numbers whenever it opens a table.
  if (maps_.size() > kMapsMax || maps_of_ != tables_.get()) maps_.clear();
  maps_of_ = tables_.get();
  group_ = Group{.lsn = ++lsn_, .begin = begin, .staged = !begin.xa_prepare};
  touched_.clear();
  held_.clear();
  held_bytes_ = 0;
  holds_ = false;
  return stage_.Begin({.lsn = lsn_, .time_ms = std::int64_t{event.time_s} * 1'000});
}

absl::Status BinlogIntake::EndGroup() {
  RETURN_IF_ERROR(GiveHeld());
  KeepGtid(group_->begin.gtid, &position_.gtids);
  group_.reset();
  has_commits_ = has_ended_ = true;
  committed_lsn_ = lsn_;
  return stage_.Commit();
}

/// The event follows the group with missing changes, or is alone.
absl::Status BinlogIntake::TakeIncident(const binlog::Event& event) {
  constexpr char kLost[] = "the server reports in its binlog that changes are missing (incident)";
  if (group_) {
    absl::Status spoiled = SpoilAll(kLost);
    return spoiled.ok() ? EndGroup() : spoiled;
  }
  TakeNextTables();
  // An earlier position does not have the missing changes.
  absl::Status begun = stage_.Begin({.lsn = ++lsn_, .time_ms = std::int64_t{event.time_s} * 1'000});
  if (begun.ok()) begun = SpoilAll(kLost);
  if (!begun.ok()) return begun;
  committed_lsn_ = lsn_;
  has_commits_ = has_ended_ = true;
  return stage_.Commit();
}

absl::Status BinlogIntake::TakeInGroup(const binlog::Event& event) {
  if (event.type == EventType::kIncident) return TakeIncident(event);
  if (!group_) {
    return absl::DataLossError("the binlog has statements or rows outside of its event groups");
  }
  switch (event.type) {
    case EventType::kXid:
      return EndGroup();
    case EventType::kXaPrepare:
      // For XA COMMIT ... ONE PHASE this is the commit.
      if (!event.body.empty() && event.body[0] != 0 && !group_->staged) return SpoilByXa();
      return EndGroup();
    case EventType::kQuery:
    case EventType::kQueryCompressed:
      return TakeQuery(event);
    case EventType::kTableMap:
      return TakeMap(event);
    default:
      break;
  }
  if (binlog::IsRows(event.type)) return TakeRows(event);
  if (IsOfLoad(event.type)) return SpoilAll("a session wrote its statements instead of rows (binlog_format)");
  if ((event.flags & binlog::Event::kMayBeIgnored) != 0) return absl::OkStatus();
  return SpoilAll(
      absl::StrCat("the binlog has an event that is not known (type ", static_cast<int>(event.type), ")"));
}

absl::Status BinlogIntake::TakeQuery(const binlog::Event& event) {
  binlog::Query query;
  RETURN_IF_ERROR(binlog::ReadQuery(event, &query));
  const StatementWords words(query.sql);
  if (group_->begin.xa_complete) {
    if (words.Word(1) == "rollback") return EndGroup();
    return SpoilByXa();
  }
  // The group of a transaction that created a temporary table counts as a definition, too, even if it has
  // other changes.
  if (!group_->begin.ddl || !words.IsDefinition()) return TakeGroupQuery(words);
  RETURN_IF_ERROR(TakeDefinition(query, words));
  return group_->begin.standalone ? EndGroup() : absl::OkStatus();
}

absl::Status BinlogIntake::TakeGroupQuery(const StatementWords& words) {
  const std::string first = words.Word(0), second = words.Word(1);
  if (first == "commit" && words.size() == 1) return EndGroup();
  if (first == "rollback" && words.size() == 1) {
    absl::Status spoiled = SpoilTouched("a transaction was rolled back, but its changes are in the binlog");
    held_.clear();
    return spoiled.ok() ? EndGroup() : spoiled;
  }
  if ((first == "begin" && words.size() == 1) || (first == "start" && second == "transaction") ||
      first == "xa")
    return absl::OkStatus();
  if (first == "savepoint") {
    holds_ = true;
    held_.push_back({.savepoint = words.Quoted(), .change = {}});
    return absl::OkStatus();
  }
  if (first == "rollback" && second == "to") return RollBackTo(words.Quoted());
  if (first == "release" && second == "savepoint") return absl::OkStatus();
  if (!words.IsHarmless()) {
    RETURN_IF_ERROR(SpoilAll("a session wrote its statements instead of rows (binlog_format)"));
  }
  return group_->begin.standalone ? EndGroup() : absl::OkStatus();
}

/// A statement that names a table, or the database, may have changed rows or their meaning.
absl::Status BinlogIntake::TakeDefinition(const binlog::Query& query, const StatementWords& words) {
  if (tables_ == nullptr || words.IsHarmless()) return absl::OkStatus();
  if (const std::optional<std::string> emptied = words.Truncates(query.database, tables_->database)) {
    const auto table = tables_->tables.find(*emptied);
    if (table != tables_->tables.end()) return stage_.Truncate(table->second.id);
  }
  const bool names_database = words.Names(tables_->database);
  if (query.database != tables_->database && !names_database) return absl::OkStatus();
  const bool is_of_database = words.Word(1) == "database" || words.Word(1) == "schema";
  for (const auto& [name, table] : tables_->tables) {
    if (!words.Names(name) && !(names_database && is_of_database)) continue;
    RETURN_IF_ERROR(stage_.GiveUp(
        table.id, "a statement changed its definition, or named it while changing another table"));
  }
  return absl::OkStatus();
}

// --- Rows ---------------------------------------------------------------------

absl::Status BinlogIntake::TakeMap(const binlog::Event& event) {
  if (tables_ == nullptr || !group_->staged) return absl::OkStatus();
  Mapped& mapped = maps_[binlog::TableMapId(event)];
  if (!mapped.body.empty() && mapped.body == event.body) return absl::OkStatus();
  ASSIGN_OR_RETURN(const binlog::TableMap map, binlog::ReadTableMap(event));
  mapped = Mapped{.body = std::string(event.body)};
  if (map.database != tables_->database) return absl::OkStatus();
  const auto table = tables_->tables.find(map.table);
  if (table == tables_->tables.end()) return absl::OkStatus();
  mapped.table = &table->second;
  mapped.rows = BinlogRows::Make(table->second, map, tables_->charsets);
  return absl::OkStatus();
}

absl::Status BinlogIntake::TakeRows(const binlog::Event& event) {
  if (tables_ == nullptr || !group_->staged) return absl::OkStatus();
  const auto found = maps_.find(binlog::RowsMapId(event));
  if (found == maps_.end()) {
    // The last event of a statement that changed nothing, without a table.
    constexpr std::uint64_t kNoMap = 0xffffff;
    if (binlog::RowsMapId(event) == kNoMap) return absl::OkStatus();
    return absl::DataLossError("the binlog has rows of a table that it did not describe");
  }
  const Mapped& mapped = found->second;
  if (mapped.table == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(binlog::ReadRows(event, &rows_));
  if (!mapped.rows || rows_.columns != mapped.rows->columns())
    return stage_.GiveUp(mapped.table->id, kRedefinedInBinlog);
  if (!rows_.IsWhole())
    return stage_.GiveUp(mapped.table->id,
                         "a session wrote rows without all of their columns (binlog_row_image)");
  binlog::Bytes bytes(rows_.rows);
  while (!bytes.empty()) {
    bool is_row = mapped.rows->Slice(&bytes, rows_.image, &before_fields_);
    if (is_row && rows_.kind == RowsKind::kUpdate)
      is_row = mapped.rows->Slice(&bytes, rows_.after, &after_fields_);
    if (!is_row) return absl::DataLossError("the binlog's rows cannot be understood");
    RETURN_IF_ERROR(TakeRow(mapped, rows_.kind, before_fields_, after_fields_));
  }
  return absl::OkStatus();
}

absl::Status BinlogIntake::TakeRow(const Mapped& mapped, RowsKind kind,
                                   const std::vector<binlog::RowField>& before,
                                   const std::vector<binlog::RowField>& after) {
  ++changes_;
  LoggedChange change;
  BinlogRows::Told told = BinlogRows::Told::kUnknown;
  if (kind == RowsKind::kWrite) told = mapped.rows->Insert(before, &change);
  if (kind == RowsKind::kUpdate) told = mapped.rows->Update(before, after, &change);
  if (kind == RowsKind::kDelete) told = mapped.rows->Delete(before, &change);
  if (told == BinlogRows::Told::kNothing) return absl::OkStatus();
  if (told == BinlogRows::Told::kUnknown)
    return stage_.GiveUp(mapped.table->id, "its rows cannot be read in the binlog");
  const std::int64_t id = mapped.table->id;
  if (!holds_) {
    touched_[id] = true;
    return stage_.Take(id, std::move(change));
  }
  held_bytes_ += BytesOf(change);
  held_.push_back({.savepoint = {}, .table = id, .change = std::move(change)});
  if (held_bytes_ <= kHeldBytesMax) return absl::OkStatus();
  // An earlier savepoint can only invalidate tables from now on.
  return GiveHeld();
}

absl::Status BinlogIntake::GiveHeld() {
  for (Held& held : held_) {
    if (!held.savepoint.empty()) continue;
    touched_[held.table] = true;
    RETURN_IF_ERROR(stage_.Take(held.table, std::move(held.change)));
  }
  held_.clear();
  held_bytes_ = 0;
  return absl::OkStatus();
}

absl::Status BinlogIntake::RollBackTo(const std::string& savepoint) {
  const auto found = std::find_if(held_.rbegin(), held_.rend(),
                                  [&](const Held& held) { return held.savepoint == savepoint; });
  if (found == held_.rend()) {
    // The changes were passed to the stage, which cannot roll back a part.
    constexpr char kUnknown[] =
        "a transaction rolled back to a savepoint after too many changes: which of them remain is not known";
    absl::Status spoiled = SpoilTouched(kUnknown);
    for (const Held& held : held_) {
      if (spoiled.ok() && held.savepoint.empty()) spoiled = stage_.GiveUp(held.table, kUnknown);
    }
    held_.clear();
    return spoiled;
  }
  // The savepoint stays, and can be used for another rollback.
  held_.erase(found.base(), held_.end());
  held_bytes_ = 0;
  for (const Held& held : held_) held_bytes_ += held.savepoint.empty() ? BytesOf(held.change) : 0;
  return absl::OkStatus();
}

// --- Discarding tables --------------------------------------------------------

absl::Status BinlogIntake::SpoilAll(const std::string& because) {
  absl::Status spoiled;
  if (tables_ == nullptr) return spoiled;
  for (const auto& [name, table] : tables_->tables) {
    if (spoiled.ok()) spoiled = stage_.GiveUp(table.id, because);
  }
  return spoiled;
}

absl::Status BinlogIntake::SpoilByXa() {
  const std::int64_t now_ms = NowMs();
  settles_ms_ = now_ms + settled_after_.count();
  absl::Status spoiled = SpoilAll(absl::StrCat(kXaCommitted, FormatUnixTime(now_ms / 1'000)));
  return spoiled.ok() ? EndGroup() : spoiled;
}

absl::Status BinlogIntake::SpoilTouched(const std::string& because) {
  absl::Status spoiled;
  for (const auto& [table, touched] : touched_) {
    if (spoiled.ok()) spoiled = stage_.GiveUp(table, because);
  }
  return spoiled;
}

// --- Writing ------------------------------------------------------------------

absl::StatusOr<StageMark> BinlogIntake::Mark(const std::string& token, std::int64_t above,
                                             std::int64_t now_ms) {
  if (!failure_.ok()) return failure_;
  StageMark mark;
  mark.lsn = std::max(lsn_, above) + 1;
  mark.token = token;
  mark.time_ms = now_ms;
  mark.position = ToString(position_);
  mark.fingerprint = print_.Text();
  failure_ = stage_.Begin({.lsn = mark.lsn, .time_ms = now_ms});
  // Not at a place of its own: groups that are read again keep their LSNs.
  TakeNextTables();
  if (failure_.ok() && tables_ != nullptr && TakeSettled(now_ms, settled_after_, &settles_ms_))
    failure_ = SpoilAll(kXaSettled);
  if (failure_.ok()) failure_ = stage_.Mark(mark.token, mark.position, mark.fingerprint);
  if (!failure_.ok()) return failure_;
  lsn_ = mark.lsn;
  failure_ = stage_.Commit();
  if (!failure_.ok()) return failure_;
  has_commits_ = true;
  committed_lsn_ = lsn_;
  return mark;
}

absl::Status BinlogIntake::Flush() {
  if (!failure_.ok()) return failure_;
  const absl::StatusOr<std::int64_t> place = stage_.Flush();
  absl::Status flushed = place.status();
  if (place.ok() && *place < committed_lsn_) flushed = StageFellBehind();
  // After any other error the call may be repeated.
  if (absl::IsAborted(flushed)) failure_ = flushed;
  if (!flushed.ok()) return flushed;
  has_commits_ = false;
  return absl::OkStatus();
}

}  // namespace mirror
