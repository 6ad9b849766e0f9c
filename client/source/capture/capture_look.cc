#include "client/source/capture/capture_look.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_key.h"

namespace mirror {

absl::StatusOr<std::unique_ptr<CaptureLook>> CaptureLook::Begin(CaptureState& state,
                                                                const CaptureState::Table& table,
                                                                std::int64_t run) {
  std::unique_ptr<CaptureLook> look(new CaptureLook(state, table, run));
  RETURN_IF_ERROR(look->Prepare());
  return look;
}

CaptureLook::~CaptureLook() {
  for (sqlite::Statement* const one : {&find_, &insert_, &update_, &remove_, &forget_, &keep_, &doubt_})
    *one = sqlite::Statement();
  if (open_) (void)state_.Run("ROLLBACK");
}

absl::Status CaptureLook::Prepare() {
  if (table_.key_parts > 0) {
    const std::string rows = RowsName(table_.id);
    std::vector<std::string> terms;
    for (const std::string& name : LogKeyNames(table_.key_parts)) terms.push_back(absl::StrCat(name, " = ?"));
    const std::string is_it = absl::StrCat(" WHERE ", absl::StrJoin(terms, " AND "));
    find_ = state_.Prepared(absl::StrCat("SELECT digest, id, ", table_.by_column ? "hashes, run" : "NULL, 0",
                                         " FROM ", rows, is_it));
    insert_ = state_.Prepared(absl::StrCat("INSERT INTO ", rows, " (digest, run, born, id, ",
                                           KeyNames(table_.key_parts), ") VALUES (?, ?, ?, ?, ",
                                           Places(table_.key_parts), ")"));
    update_ = state_.Prepared(absl::StrCat(
        "UPDATE ", rows,
        " SET born = CASE WHEN coalesce(digest, 0) IN (0, 1) THEN ?2 ELSE born END, digest = ?1, run = ?2",
        is_it));
    remove_ = state_.Prepared(absl::StrCat("UPDATE ", rows, " SET digest = NULL, run = ?",
                                           table_.by_column ? ", hashes = NULL, mask = NULL" : "", is_it));
    if (table_.by_column) {
      keep_ = state_.Prepared(absl::StrCat("UPDATE ", rows, " SET hashes = ?, mask = ?, since = ?", is_it));
    }
    doubt_ = state_.Prepared(absl::StrCat("UPDATE ", rows, " SET digest = ?", is_it));
    forget_ = state_.Prepared(absl::StrCat("DELETE FROM ", rows, is_it));
    for (const auto* one : {&find_, &insert_, &update_, &remove_, &keep_, &doubt_, &forget_}) {
      if (!one->status().ok()) return one->status();
    }
    sqlite::Statement last = state_.Prepared(absl::StrCat("SELECT coalesce(max(id), 0) FROM ", rows));
    RETURN_IF_ERROR(last.StepToRow());
    next_id_ = last.Int(0) + 1;
  }
  RETURN_IF_ERROR(state_.Run("BEGIN IMMEDIATE"));
  open_ = true;
  return absl::OkStatus();
}

/// Marks a row as seen. False: it was already seen.
bool CaptureLook::See(std::int64_t id) {
  const auto at = static_cast<std::size_t>(id);
  if (at >= seen_.size()) seen_.resize(std::max(at + 1, seen_.size() * 2));
  if (seen_[at]) return false;
  seen_[at] = true;
  ++seen_rows_;
  return true;
}

absl::Status CaptureLook::Noted() {
  table_.changed = run_;
  if (++uncommitted_ < kNotesPerCommit) return absl::OkStatus();
  uncommitted_ = 0;
  RETURN_IF_ERROR(state_.Save(table_));
  return state_.Run("COMMIT; BEGIN IMMEDIATE");
}

/// Returns a byte for each column: 1 if its hashes differ. Empty: they cannot be compared.
std::string CaptureLook::MaskOf(const std::string& before, const std::string& now) {
  constexpr std::size_t kHash = sizeof(std::uint64_t);
  if (before.empty() || before.size() != now.size()) return "";
  std::string mask(now.size() / kHash, 0);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    mask[i] = before.compare(i * kHash, kHash, now, i * kHash, kHash) == 0 ? 0 : 1;
  }
  return mask;
}

absl::Status CaptureLook::KeepHashes(const Key& key, const std::string& before, const std::string& now,
                                     std::int64_t since) {
  const std::string mask = MaskOf(before, now);
  keep_.BindBlob(1, now);
  if (mask.empty()) {
    keep_.BindNull(2);
  } else {
    keep_.BindBlob(2, mask);
  }
  keep_.Bind(3, since);
  BindKey(keep_, 4, key);
  return keep_.Run();
}

absl::Status CaptureLook::Add(const Key& key, std::uint64_t digest, const std::string& hashes) {
  const auto stored = static_cast<std::int64_t>(digest);
  BindKey(find_, 1, key);
  ASSIGN_OR_RETURN(const bool found, find_.Step());
  const bool known = found;
  const bool gone = known && find_.IsNull(0);
  const bool same = known && !gone && find_.Int(0) == stored;
  const std::int64_t id = known ? find_.Int(1) : next_id_;
  std::string before;
  std::int64_t since = 0;
  if (known && !same && table_.by_column) {
    before = find_.Text(2);
    since = find_.Int(3);
  }
  find_.Reset();
  if (!See(id)) {
    ++found_.twice;
    std::vector<Key>& shown = found_.twice_keys;
    if (shown.size() < kTwiceShown && std::find(shown.begin(), shown.end(), key) == shown.end())
      shown.push_back(key);
    return absl::OkStatus();
  }
  if (same) return absl::OkStatus();
  sqlite::Statement& write = known ? update_ : insert_;
  write.Bind(1, stored);
  write.Bind(2, run_);
  if (!known) {
    if (quiet_) write.Bind(2, 0);
    write.Bind(3, quiet_ ? 0 : run_);
    write.Bind(4, next_id_++);
  }
  BindKey(write, known ? 3 : 5, key);
  RETURN_IF_ERROR(write.Run());
  if (table_.by_column) RETURN_IF_ERROR(KeepHashes(key, before, hashes, since));
  if (!known && quiet_) {
    ++table_.rows;
    return absl::OkStatus();
  }
  if (known && !gone) {
    ++found_.updates;
  } else {
    ++found_.inserts;
    ++table_.rows;
  }
  return Noted();
}

absl::StatusOr<CaptureLook::Remembered> CaptureLook::Find(const Key& key) {
  BindKey(find_, 1, key);
  ASSIGN_OR_RETURN(const bool found, find_.Step());
  Remembered row;
  row.known = found;
  row.gone = row.known && find_.IsNull(0);
  if (row.known) {
    row.digest = find_.Int(0);
    row.id = find_.Int(1);
  }
  find_.Reset();
  return row;
}

bool CaptureLook::WasSeen(const Remembered& row) const {
  const auto at = static_cast<std::size_t>(row.id);
  return row.known && at < seen_.size() && seen_[at];
}

absl::Status CaptureLook::LeaveOut(const Key& key) {
  ASSIGN_OR_RETURN(const Remembered row, Find(key));
  // This look has added the row: the next look decides.
  if (WasSeen(row)) return absl::OkStatus();
  // As a changed row: when it is sent, the source gives no row with this key.
  return Add(key, CaptureState::kLeftOut);
}

absl::Status CaptureLook::Keep(const Key& key, bool remember) {
  ASSIGN_OR_RETURN(const Remembered row, Find(key));
  const bool known = row.known;
  if (row.gone || (!known && !remember) || !See(known ? row.id : next_id_)) return absl::OkStatus();
  // A population lacks the row, so its state at the mirror is unknown. Once it can be read again, it is sent
  // in any case.
  sqlite::Statement& write = known ? doubt_ : insert_;
  write.Bind(1, CaptureState::kUnread);
  if (!known) {
    write.Bind(2, 0);
    write.Bind(3, 0);
    write.Bind(4, next_id_++);
    ++table_.rows;
  }
  BindKey(write, known ? 2 : 5, key);
  RETURN_IF_ERROR(write.Run());
  return absl::OkStatus();
}

absl::Status CaptureLook::Learn(const Key& key) {
  ASSIGN_OR_RETURN(const Remembered row, Find(key));
  const bool here = row.known && !row.gone;
  if (here && WasSeen(row)) return absl::OkStatus();
  // The row is new, or was unreadable. This look does not see its values.
  if (!here || row.digest == CaptureState::kUnread) return Add(key, CaptureState::kToAsk);
  See(row.id);
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::uint64_t>> CaptureLook::FedAtPointer() const {
  sqlite::Statement select =
      state_.Prepared(absl::StrCat("SELECT digest FROM fed WHERE captured = ", table_.id));
  std::set<std::uint64_t> fed;
  RETURN_IF_ERROR(ForEachRow(select, [&] { fed.insert(static_cast<std::uint64_t>(select.Int(0))); }));
  return fed;
}

void CaptureLook::SetFeed(KeyPart pointer, std::string feed, std::string record,
                          std::set<std::uint64_t> at_pointer) {
  table_.deletes_pointer = std::move(pointer);
  table_.feed = std::move(feed);
  table_.feed_record = std::move(record);
  fed_ = std::move(at_pointer);
}

absl::Status CaptureLook::SaveFed() {
  if (!fed_) return absl::OkStatus();
  RETURN_IF_ERROR(state_.Run(absl::StrCat("DELETE FROM fed WHERE captured = ", table_.id)));
  sqlite::Statement insert = state_.Prepared("INSERT INTO fed (captured, digest) VALUES (?1, ?2)");
  insert.Bind(1, table_.id);
  for (const std::uint64_t digest : *fed_) {
    insert.Bind(2, static_cast<std::int64_t>(digest));
    RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

absl::Status CaptureLook::Fed(const Key& key) {
  ASSIGN_OR_RETURN(const Remembered row, Find(key));
  sqlite::Statement& write = row.known ? remove_ : insert_;
  if (row.known) {
    write.Bind(1, run_);
    BindKey(write, 2, key);
  } else {
    write.BindNull(1);
    write.Bind(2, run_);
    write.Bind(3, 0);
    write.Bind(4, next_id_++);
    BindKey(write, 5, key);
  }
  RETURN_IF_ERROR(write.Run());
  if (row.known && !row.gone) --table_.rows;
  ++found_.deletes;
  return Noted();
}

absl::Status CaptureLook::AddAll(std::uint64_t rows, std::uint64_t digest) {
  if (table_.changed != 0 && rows == table_.rows && digest == table_.digest) return absl::OkStatus();
  table_.rows = rows;
  table_.digest = digest;
  return Noted();
}

absl::Status CaptureLook::EndOthers(Others others) {
  constexpr std::size_t kKeysAtATime = 10'000;
  const bool forgets = others == Others::kForget;
  const std::string names = KeyNames(table_.key_parts);
  Key behind;
  for (bool more = true; more;) {
    std::vector<Key> keys, readable;
    std::size_t taken = 0;
    {
      const std::string later =
          behind.empty() ? "" : absl::StrCat(" AND (", names, ") > (", Places(table_.key_parts), ")");
      // With kForget, rows that the mirror may not have yet stay.
      sqlite::Statement select = state_.Prepared(absl::StrCat(
          "SELECT ", names, ", id, digest FROM ", RowsName(table_.id), " WHERE digest IS NOT NULL",
          forgets ? absl::StrCat(" AND (run <= ", table_.floor, " OR digest = ", CaptureState::kUnread, ")")
                  : "",
          later, " ORDER BY ", names));
      BindKey(select, 1, behind);
      const int parts = static_cast<int>(table_.key_parts);
      absl::StatusOr<bool> row = true;
      while (taken < kKeysAtATime) {
        row = select.Step();
        if (!row.ok() || !*row) break;
        const auto id = static_cast<std::size_t>(select.Int(parts));
        if (id < seen_.size() && seen_[id]) continue;
        ++taken;
        behind = ReadKey(select, table_.key_parts);
        const bool unread = select.Int(parts + 1) == CaptureState::kUnread;
        (forgets && unread ? readable : keys).push_back(behind);
      }
      if (!row.ok()) return row.status();
      more = *row;
    }
    for (const Key& key : keys) {
      sqlite::Statement& write = forgets ? forget_ : remove_;
      if (!forgets) write.Bind(1, run_);
      BindKey(write, forgets ? 1 : 2, key);
      RETURN_IF_ERROR(write.Run());
      --table_.rows;
      if (forgets) continue;
      ++found_.deletes;
      RETURN_IF_ERROR(Noted());
    }
    for (const Key& key : readable) {
      RETURN_IF_ERROR(AskFor(key));
    }
  }
  return absl::OkStatus();
}

/// Notes a row that could not be read before and was not met now, so that it is read by key.
absl::Status CaptureLook::AskFor(const Key& key) {
  update_.Bind(1, CaptureState::kToAsk);
  update_.Bind(2, run_);
  BindKey(update_, 3, key);
  RETURN_IF_ERROR(update_.Run());
  ++found_.updates;
  return Noted();
}

absl::StatusOr<CaptureLook::Found> CaptureLook::End(Others others) {
  if (others != Others::kStay && table_.key_parts > 0 && seen_rows_ < table_.rows) {
    RETURN_IF_ERROR(EndOthers(others));
  }
  RETURN_IF_ERROR(SaveFed());
  table_.looked_ms = NowMs();
  RETURN_IF_ERROR(state_.Save(table_));
  RETURN_IF_ERROR(state_.Run("COMMIT"));
  open_ = false;
  return found_;
}

}  // namespace mirror
