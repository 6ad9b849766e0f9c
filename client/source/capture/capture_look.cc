#include "client/source/capture/capture_look.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "client/source/capture/capture_sql.h"
#include "client/source/sqlite/log/log_sql.h"

namespace mirror {

absl::StatusOr<std::unique_ptr<CaptureLook>> CaptureLook::Begin(CaptureState& state,
                                                                const CaptureState::Table& table,
                                                                std::int64_t run) {
  std::unique_ptr<CaptureLook> look(new CaptureLook(state, table, run));
  if (absl::Status prepared = look->Prepare(); !prepared.ok()) return prepared;
  return look;
}

CaptureLook::~CaptureLook() {
  for (Statement* const one : {&find_, &insert_, &update_, &remove_, &forget_, &keep_, &doubt_})
    *one = Statement();
  if (open_) (void)state_.Run("ROLLBACK");
}

absl::Status CaptureLook::Prepare() {
  if (table_.key_parts > 0) {
    const std::string rows = RowsName(table_.id);
    std::vector<std::string> terms;
    for (const std::string& name : LogKeyNames(table_.key_parts)) terms.push_back(absl::StrCat(name, " = ?"));
    const std::string is_it = absl::StrCat(" WHERE ", absl::StrJoin(terms, " AND "));
    absl::StatusOr<Statement> find = state_.Prepared(absl::StrCat(
        "SELECT digest, id, ", table_.by_column ? "hashes, run" : "NULL, 0", " FROM ", rows, is_it));
    absl::StatusOr<Statement> insert = state_.Prepared(
        absl::StrCat("INSERT INTO ", rows, " (digest, run, born, id, ", KeyNames(table_.key_parts),
                     ") VALUES (?, ?, ?, ?, ", Places(table_.key_parts), ")"));
    absl::StatusOr<Statement> update = state_.Prepared(absl::StrCat(
        "UPDATE ", rows,
        " SET born = CASE WHEN coalesce(digest, 0) IN (0, 1) THEN ?2 ELSE born END, digest = ?1, run = ?2",
        is_it));
    absl::StatusOr<Statement> remove =
        state_.Prepared(absl::StrCat("UPDATE ", rows, " SET digest = NULL, run = ?",
                                     table_.by_column ? ", hashes = NULL, mask = NULL" : "", is_it));
    if (table_.by_column) {
      absl::StatusOr<Statement> keep =
          state_.Prepared(absl::StrCat("UPDATE ", rows, " SET hashes = ?, mask = ?, since = ?", is_it));
      if (!keep.ok()) return keep.status();
      keep_ = *std::move(keep);
    }
    absl::StatusOr<Statement> doubt =
        state_.Prepared(absl::StrCat("UPDATE ", rows, " SET digest = ?", is_it));
    if (!doubt.ok()) return doubt.status();
    doubt_ = *std::move(doubt);
    absl::StatusOr<Statement> forget = state_.Prepared(absl::StrCat("DELETE FROM ", rows, is_it));
    absl::StatusOr<Statement> last = state_.Prepared(absl::StrCat("SELECT coalesce(max(id), 0) FROM ", rows));
    for (const auto* one : {&find, &insert, &update, &remove, &forget, &last}) {
      if (!one->ok()) return one->status();
    }
    if (sqlite3_step(last->get()) != SQLITE_ROW) return state_.Failed("reading it");
    next_id_ = sqlite3_column_int64(last->get(), 0) + 1;
    find_ = *std::move(find);
    insert_ = *std::move(insert);
    update_ = *std::move(update);
    remove_ = *std::move(remove);
    forget_ = *std::move(forget);
  }
  if (absl::Status begun = state_.Run("BEGIN IMMEDIATE"); !begun.ok()) return begun;
  open_ = true;
  return absl::OkStatus();
}

/// False: it was seen before.
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
  if (absl::Status saved = state_.Save(table_); !saved.ok()) return saved;
  return state_.Run("COMMIT; BEGIN IMMEDIATE");
}

/// The columns of which the hashes differ, a byte for each; empty: they cannot be compared.
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
  sqlite3_bind_blob(keep_.get(), 1, now.data(), static_cast<int>(now.size()), SQLITE_STATIC);
  if (mask.empty()) {
    sqlite3_bind_null(keep_.get(), 2);
  } else {
    sqlite3_bind_blob(keep_.get(), 2, mask.data(), static_cast<int>(mask.size()), SQLITE_STATIC);
  }
  BindInt(keep_, 3, since);
  BindKey(keep_, 4, key);
  if (sqlite3_step(keep_.get()) != SQLITE_DONE) return state_.Failed("writing it");
  keep_.Reset();
  return absl::OkStatus();
}

absl::Status CaptureLook::Add(const Key& key, std::uint64_t digest, const std::string& hashes) {
  const auto stored = static_cast<std::int64_t>(digest);
  BindKey(find_, 1, key);
  const int code = sqlite3_step(find_.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE) return state_.Failed("reading it");
  const bool known = code == SQLITE_ROW;
  const bool gone = known && sqlite3_column_type(find_.get(), 0) == SQLITE_NULL;
  const bool same = known && !gone && sqlite3_column_int64(find_.get(), 0) == stored;
  const std::int64_t id = known ? sqlite3_column_int64(find_.get(), 1) : next_id_;
  std::string before;
  std::int64_t since = 0;
  if (known && !same && table_.by_column) {
    before = std::string(BlobOf(sqlite3_column_value(find_.get(), 2)));
    since = sqlite3_column_int64(find_.get(), 3);
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
  Statement& write = known ? update_ : insert_;
  BindInt(write, 1, stored);
  BindInt(write, 2, run_);
  if (!known) {
    if (quiet_) BindInt(write, 2, 0);
    BindInt(write, 3, quiet_ ? 0 : run_);
    BindInt(write, 4, next_id_++);
  }
  BindKey(write, known ? 3 : 5, key);
  if (sqlite3_step(write.get()) != SQLITE_DONE) return state_.Failed("writing it");
  write.Reset();
  if (table_.by_column) {
    if (absl::Status kept = KeepHashes(key, before, hashes, since); !kept.ok()) return kept;
  }
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

absl::StatusOr<CaptureLook::Remembered> CaptureLook::Find(const Key& key) const {
  BindKey(find_, 1, key);
  const int code = sqlite3_step(find_.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE) return state_.Failed("reading it");
  Remembered row;
  row.known = code == SQLITE_ROW;
  row.gone = row.known && sqlite3_column_type(find_.get(), 0) == SQLITE_NULL;
  if (row.known) {
    row.digest = sqlite3_column_int64(find_.get(), 0);
    row.id = sqlite3_column_int64(find_.get(), 1);
  }
  find_.Reset();
  return row;
}

bool CaptureLook::WasSeen(const Remembered& row) const {
  const auto at = static_cast<std::size_t>(row.id);
  return row.known && at < seen_.size() && seen_[at];
}

absl::Status CaptureLook::LeaveOut(const Key& key) {
  const absl::StatusOr<Remembered> row = Find(key);
  if (!row.ok()) return row.status();
  // It was let in a moment ago: the next look tells.
  if (WasSeen(*row)) return absl::OkStatus();
  // As a row that changed: when it is sent, the source has none with this key.
  return Add(key, CaptureState::kLeftOut);
}

absl::Status CaptureLook::Keep(const Key& key, bool remember) {
  const absl::StatusOr<Remembered> row = Find(key);
  if (!row.ok()) return row.status();
  const bool known = row->known;
  if (row->gone || (!known && !remember) || !See(known ? row->id : next_id_)) return absl::OkStatus();
  // What becomes of it at the mirror meanwhile nobody knows (a population lacks it): once it can be read
  // again, it is sent, whatever it is.
  const Statement& write = known ? doubt_ : insert_;
  BindInt(write, 1, CaptureState::kUnread);
  if (!known) {
    BindInt(write, 2, 0);
    BindInt(write, 3, 0);
    BindInt(write, 4, next_id_++);
    ++table_.rows;
  }
  BindKey(write, known ? 2 : 5, key);
  if (sqlite3_step(write.get()) != SQLITE_DONE) return state_.Failed("writing it");
  write.Reset();
  return absl::OkStatus();
}

absl::Status CaptureLook::Learn(const Key& key) {
  const absl::StatusOr<Remembered> row = Find(key);
  if (!row.ok()) return row.status();
  const bool here = row->known && !row->gone;
  if (here && WasSeen(*row)) return absl::OkStatus();
  // A new one, or one that can be read again, of which this look does not see the values.
  if (!here || row->digest == CaptureState::kUnread) return Add(key, CaptureState::kToAsk);
  See(row->id);
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::uint64_t>> CaptureLook::FedAtPointer() const {
  const absl::StatusOr<Statement> select =
      state_.Prepared(absl::StrCat("SELECT digest FROM fed WHERE captured = ", table_.id));
  if (!select.ok()) return select.status();
  std::set<std::uint64_t> fed;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(select->get())) == SQLITE_ROW) {
    fed.insert(static_cast<std::uint64_t>(sqlite3_column_int64(select->get(), 0)));
  }
  if (code != SQLITE_DONE) return state_.Failed("reading it");
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
  absl::Status forgotten = state_.Run(absl::StrCat("DELETE FROM fed WHERE captured = ", table_.id));
  if (!forgotten.ok()) return forgotten;
  const absl::StatusOr<Statement> insert =
      state_.Prepared("INSERT INTO fed (captured, digest) VALUES (?1, ?2)");
  if (!insert.ok()) return insert.status();
  BindInt(*insert, 1, table_.id);
  for (const std::uint64_t digest : *fed_) {
    BindInt(*insert, 2, static_cast<std::int64_t>(digest));
    if (sqlite3_step(insert->get()) != SQLITE_DONE) return state_.Failed("writing it");
    insert->Reset();
  }
  return absl::OkStatus();
}

absl::Status CaptureLook::Fed(const Key& key) {
  const absl::StatusOr<Remembered> row = Find(key);
  if (!row.ok()) return row.status();
  const Statement& write = row->known ? remove_ : insert_;
  if (row->known) {
    BindInt(write, 1, run_);
    BindKey(write, 2, key);
  } else {
    sqlite3_bind_null(write.get(), 1);
    BindInt(write, 2, run_);
    BindInt(write, 3, 0);
    BindInt(write, 4, next_id_++);
    BindKey(write, 5, key);
  }
  if (sqlite3_step(write.get()) != SQLITE_DONE) return state_.Failed("writing it");
  write.Reset();
  if (row->known && !row->gone) --table_.rows;
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
      // Rows that the mirror may not have yet are not forgotten.
      const absl::StatusOr<Statement> select = state_.Prepared(absl::StrCat(
          "SELECT ", names, ", id, digest FROM ", RowsName(table_.id), " WHERE digest IS NOT NULL",
          forgets ? absl::StrCat(" AND (run <= ", table_.floor, " OR digest = ", CaptureState::kUnread, ")")
                  : "",
          later, " ORDER BY ", names));
      if (!select.ok()) return select.status();
      BindKey(*select, 1, behind);
      int code = SQLITE_ROW;
      const int parts = static_cast<int>(table_.key_parts);
      while (taken < kKeysAtATime && (code = sqlite3_step(select->get())) == SQLITE_ROW) {
        const auto id = static_cast<std::size_t>(sqlite3_column_int64(select->get(), parts));
        if (id < seen_.size() && seen_[id]) continue;
        ++taken;
        behind = ReadKey(*select, table_.key_parts);
        const bool unread = sqlite3_column_int64(select->get(), parts + 1) == CaptureState::kUnread;
        (forgets && unread ? readable : keys).push_back(behind);
      }
      if (code != SQLITE_ROW && code != SQLITE_DONE) return state_.Failed("reading it");
      more = code == SQLITE_ROW;
    }
    for (const Key& key : keys) {
      const Statement& write = forgets ? forget_ : remove_;
      if (!forgets) BindInt(write, 1, run_);
      BindKey(write, forgets ? 1 : 2, key);
      if (sqlite3_step(write.get()) != SQLITE_DONE) return state_.Failed("writing it");
      write.Reset();
      --table_.rows;
      if (forgets) continue;
      ++found_.deletes;
      if (absl::Status noted = Noted(); !noted.ok()) return noted;
    }
    for (const Key& key : readable) {
      if (absl::Status asked = AskFor(key); !asked.ok()) return asked;
    }
  }
  return absl::OkStatus();
}

/// It could not be read, and is not met now: what it is by now, and whether it is there, the source tells.
absl::Status CaptureLook::AskFor(const Key& key) {
  BindInt(update_, 1, CaptureState::kToAsk);
  BindInt(update_, 2, run_);
  BindKey(update_, 3, key);
  if (sqlite3_step(update_.get()) != SQLITE_DONE) return state_.Failed("writing it");
  update_.Reset();
  ++found_.updates;
  return Noted();
}

absl::StatusOr<CaptureLook::Found> CaptureLook::End(Others others) {
  if (others != Others::kStay && table_.key_parts > 0 && seen_rows_ < table_.rows) {
    if (absl::Status ended = EndOthers(others); !ended.ok()) return ended;
  }
  if (absl::Status saved = SaveFed(); !saved.ok()) return saved;
  table_.looked_ms = NowMs();
  if (absl::Status saved = state_.Save(table_); !saved.ok()) return saved;
  if (absl::Status committed = state_.Run("COMMIT"); !committed.ok()) return committed;
  open_ = false;
  return found_;
}

}  // namespace mirror
