#include "client/source/capture_reader.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/source/block_digests.h"
#include "client/source/file_value.h"
#include "client/source/sqlite_key.h"
#include "proto/wire/clock.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr std::size_t kDigestsAtATime = 20'000;
/// Sets of columns that are read one after the other of some rows; rows of further ones are sent whole.
constexpr std::size_t kParts = 16;
/// Looks that are taken again because the source moved.
constexpr int kLooks = 4;

std::vector<std::uint32_t> AllColumns(const TableSchema& table) {
  std::vector<std::uint32_t> columns(table.columns.size());
  std::iota(columns.begin(), columns.end(), 0U);
  return columns;
}

/// What a digest is over, how rows are told apart, and how changes are found.
std::string FormOf(const TableSchema& table, const CaptureRule& rule, const std::string& steps) {
  std::string form = absl::StrCat(std::string(ToString(rule.how)), " ", rule.column);
  if (rule.by_column) absl::StrAppend(&form, "\nby column");
  for (const Column& column : table.columns) {
    absl::StrAppend(&form, "\n", column.key_position, " ", column.name);
    // Keys are remembered as values of their type.
    if (column.key_position > 0) absl::StrAppend(&form, " ", static_cast<int>(column.type));
  }
  // Where not all rows are looked at, those that are to be sent otherwise now would not be seen.
  if (rule.how != CaptureRule::How::kSynthetic && !steps.empty()) absl::StrAppend(&form, "\nsteps ", steps);
  return form;
}

/// Rows that were noted behind a position.
class NotedChanges : public ChangeReader {
 public:
  NotedChanges(SourceReader& inner, CaptureState& state, CaptureState::Table table, TableSchema schema,
               std::vector<std::uint32_t> columns, std::int64_t from, bool whole_rows,
               const CaptureRule& rule, std::vector<Key> also)
      : inner_(inner),
        state_(state),
        table_(std::move(table)),
        schema_(std::move(schema)),
        columns_(std::move(columns)),
        from_(from),
        whole_rows_(whole_rows),
        counts_(rule.SeesDeletes()),
        asks_for_gone_(rule.deletes_from.has_value()),
        also_(std::move(also)) {}

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    ChangePiece piece;
    piece.target = state_.target();
    if (!begun_) {
      if (absl::Status begun = Begin(&piece); !begun.ok()) return begun;
    }
    while (rows_ == nullptr && !at_end_) {
      if (absl::Status next = NextGroup(size, &piece); !next.ok()) return next;
      if (!piece.blocks.empty()) return piece;
    }
    if (rows_ != nullptr) {
      if (absl::Status read = ReadGroup(size, sink, &piece); !read.ok()) return read;
    }
    piece.last = at_end_ && rows_ == nullptr;
    if (piece.last && counts_ && !vanished_) piece.row_count = table_.rows;
    return piece;
  }

 private:
  absl::Status Begin(ChangePiece* piece) {
    begun_ = true;
    const absl::StatusOr<CaptureState::Noted> noted = state_.CountNoted(table_, from_);
    if (!noted.ok()) return noted.status();
    piece->planned = Planned{noted->inserts + also_.size(), noted->updates, noted->deletes};
    if (counts_) piece->rows_now = table_.rows;
    return absl::OkStatus();
  }

  /// Deletes go into the piece; rows that are to be read come next.
  absl::Status NextGroup(const BlockSize& size, ChangePiece* piece) {
    if (!gone_.empty()) {
      TakeGone(size, piece);
      return absl::OkStatus();
    }
    if (!inserts_.empty()) return Read(std::exchange(inserts_, {}), Operation::kInsert);
    if (!updates_.empty()) {
      return Read(std::exchange(updates_, {}), whole_rows_ ? Operation::kInsert : Operation::kUpdate);
    }
    if (!parts_.empty()) {
      auto part = parts_.extract(parts_.begin());
      return Read(std::move(part.mapped()), Operation::kUpdate, std::move(part.key()));
    }
    if (noted_all_) {
      at_end_ = also_.empty();
      return at_end_ ? absl::OkStatus() : Read(std::exchange(also_, {}), Operation::kInsert);
    }
    absl::StatusOr<std::vector<CaptureState::Note>> notes =
        state_.ReadNoted(table_, from_, behind_, inner_.KeysAtATime());
    if (!notes.ok()) return notes.status();
    noted_all_ = notes->size() < inner_.KeysAtATime();
    if (!notes->empty()) behind_ = notes->back().key;
    for (CaptureState::Note& note : *notes) {
      if (note.gone && asks_for_gone_) {
        // It may have been made again since it was deleted.
        inserts_.push_back(std::move(note.key));
      } else if (note.gone) {
        gone_.push_back(std::move(note.key));
      } else if (std::vector<Key>* const part = PartOf(note)) {
        part->push_back(std::move(note.key));
      } else {
        (note.born ? inserts_ : updates_).push_back(std::move(note.key));
      }
    }
    return absl::OkStatus();
  }

  /// As many deletes as a block takes.
  void TakeGone(const BlockSize& size, ChangePiece* piece) {
    RowBlock gone = RowBlock::For(schema_, schema_.Key());
    while (!gone_.empty() && gone.rows() < size.rows && gone.bytes() < size.bytes) {
      AppendKey(gone_.front(), &gone);
      gone_.pop_front();
    }
    piece->blocks.push_back({Operation::kDelete, std::move(gone)});
  }

  /// Where the row goes of which only some columns are sent. Null: all are.
  std::vector<Key>* PartOf(const CaptureState::Note& note) {
    if (note.columns.empty() || note.born || whole_rows_) return nullptr;
    std::set<std::uint32_t> columns(note.columns.begin(), note.columns.end());
    for (const std::uint32_t key : schema_.Key()) columns.insert(key);
    std::vector<std::uint32_t> sent;
    for (const std::uint32_t column : columns_) {
      if (columns.contains(column)) sent.push_back(column);
    }
    // What changed is not wanted: the row is sent whole, so that its commit covers it.
    if (sent.size() == schema_.Key().size() || sent.size() == columns_.size()) return nullptr;
    const auto part = parts_.find(sent);
    if (part != parts_.end()) return &part->second;
    return parts_.size() < kParts ? &parts_[std::move(sent)] : nullptr;
  }

  /// `columns`: empty: all that the mirror wants.
  absl::Status Read(std::vector<Key> keys, Operation operation, std::vector<std::uint32_t> columns = {}) {
    absl::StatusOr<std::unique_ptr<ChangeReader>> rows =
        inner_.RowsOf(schema_.name, columns.empty() ? columns_ : columns, std::move(keys));
    if (!rows.ok()) return rows.status();
    rows_ = *std::move(rows);
    operation_ = operation;
    return absl::OkStatus();
  }

  absl::Status ReadGroup(const BlockSize& size, LargeSink* sink, ChangePiece* piece) {
    absl::StatusOr<ChangePiece> rows = rows_->Next(size, sink);
    if (!rows.ok()) return rows.status();
    if (rows->last) rows_.reset();
    for (ChangeBlock& block : rows->blocks) {
      vanished_ = vanished_ || block.operation == Operation::kDelete;
      if (block.operation == Operation::kInsert) block.operation = operation_;
      piece->blocks.push_back(std::move(block));
    }
    return absl::OkStatus();
  }

  SourceReader& inner_;
  CaptureState& state_;
  const CaptureState::Table table_;
  const TableSchema schema_;
  const std::vector<std::uint32_t> columns_;
  const std::int64_t from_;
  const bool whole_rows_;
  const bool counts_;         ///< What is remembered are all rows of the table.
  const bool asks_for_gone_;  ///< Whether those are there, the source tells.
  std::vector<Key> also_;
  bool begun_ = false, noted_all_ = false, at_end_ = false;
  Key behind_;
  std::deque<Key> gone_;
  bool vanished_ = false;  ///< Rows went since they were counted.
  std::vector<Key> inserts_, updates_;
  std::map<std::vector<std::uint32_t>, std::vector<Key>> parts_;  ///< By the columns that are sent.
  std::unique_ptr<ChangeReader> rows_;                            ///< Of the group at hand; null: none.
  Operation operation_ = Operation::kInsert;
};

std::string TwiceNote(const std::string& table, std::uint64_t rows) {
  return absl::StrCat("table '", table, "': ", rows, rows == 1 ? " row has" : " rows have",
                      " the key of another one; only the first row of each key is mirrored");
}

/// All rows of a table in which some have the key of another one: each key once. They are the source's own
/// keys: what is remembered of a table that is looked at in parts are not all.
class RowsOnce : public TableReader {
 public:
  RowsOnce(SourceReader& inner, std::string table, std::unique_ptr<DigestReader> keys,
           std::vector<std::uint32_t> columns)
      : inner_(inner), table_(std::move(table)), keys_(std::move(keys)), columns_(std::move(columns)) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    while (rows_ == nullptr) {
      if (at_end_) return false;
      const absl::StatusOr<DigestPiece> piece = keys_->Next(inner_.KeysAtATime(), /*each=*/true);
      if (!piece.ok()) return piece.status();
      at_end_ = piece->end;
      std::vector<Key> keys;
      for (const auto& [key, digest] : piece->rows) keys.push_back(key);
      if (keys.empty()) continue;
      absl::StatusOr<std::unique_ptr<ChangeReader>> rows = inner_.RowsOf(table_, columns_, std::move(keys));
      if (!rows.ok()) return rows.status();
      rows_ = *std::move(rows);
    }
    absl::StatusOr<ChangePiece> piece = rows_->Next(size, sink);
    if (!piece.ok()) return piece.status();
    if (piece->last) rows_.reset();
    for (ChangeBlock& one : piece->blocks) {
      if (one.operation == Operation::kInsert) *block = std::move(one.rows);
    }
    return true;
  }

 private:
  SourceReader& inner_;
  const std::string table_;
  const std::unique_ptr<DigestReader> keys_;  ///< In order, each once.
  const std::vector<std::uint32_t> columns_;
  bool at_end_ = false;
  std::unique_ptr<ChangeReader> rows_;
};

/// All rows of a table of which nothing is known, which is remembered as they are given. Each key once.
class RowsLookedAt : public TableReader {
 public:
  RowsLookedAt(std::unique_ptr<TableReader> inner, std::unique_ptr<CaptureLook> look, TableSchema schema,
               bool by_column)
      : inner_(std::move(inner)),
        look_(std::move(look)),
        schema_(std::move(schema)),
        keyed_(!schema_.Key().empty()),
        by_column_(by_column) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    const absl::StatusOr<bool> more = inner_->Next(size, block, sink);
    if (!more.ok()) return more;
    if (absl::Status taken = Take(block); !taken.ok()) return taken;
    if (*more) return true;
    if (absl::Status ended = End(); !ended.ok()) return ended;
    return false;
  }
  absl::StatusOr<Position> Seal(const Position& target) override { return inner_->Seal(target); }
  std::vector<std::string> Notes() override { return std::move(notes_); }

 private:
  absl::Status Take(RowBlock* block) {
    BlockDigests rows(schema_, *block, by_column_);
    std::set<std::size_t> twice;
    for (std::size_t row = 0; rows.Next(); ++row) {
      // A long value is not in the digest: the next look, which sees all of it, has the row sent once more.
      all_.Add(rows.whole() ? rows.digest() : 0);
      if (!keyed_) continue;
      const std::uint64_t before = look_->found().twice;
      const absl::Status added =
          rows.whole() ? look_->Add(rows.key(), rows.digest(), rows.hashes()) : look_->Add(rows.key(), 0);
      if (!added.ok()) return added;
      if (look_->found().twice > before) twice.insert(row);
    }
    if (!twice.empty()) *block = WithoutRows(schema_, *block, twice);
    return absl::OkStatus();
  }

  absl::Status End() {
    notes_ = inner_->Notes();
    if (!keyed_) {
      if (absl::Status all = look_->AddAll(all_.rows, all_.sum); !all.ok()) return all;
    }
    const auto found =
        look_->End(inner_->partial() ? CaptureLook::Others::kStay : CaptureLook::Others::kGone);
    if (found.ok() && found->twice > 0) notes_.push_back(TwiceNote(schema_.name, found->twice));
    return found.status();
  }

  const std::unique_ptr<TableReader> inner_;
  std::unique_ptr<CaptureLook> look_;
  const TableSchema schema_;
  const bool keyed_, by_column_;
  RangeDigest all_;
  std::vector<std::string> notes_;
};

class CaptureReader : public SourceReader {
 public:
  CaptureReader(CaptureSources sources, CaptureState& state, CaptureRules rules,
                std::function<bool(const std::string&)> never_sent)
      : inner_(std::move(sources.inner)),
        others_(std::move(sources.others)),
        feeds_(std::move(sources.feeds)),
        state_(state),
        rules_(std::move(rules)),
        never_sent_(std::move(never_sent)) {}

  SourceMark Mark() const override { return others_ == nullptr ? inner_->Mark() : others_->Mark(); }

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    absl::StatusOr<std::vector<std::string>> names = inner_->TableNames();
    if (!names.ok() || others_ == nullptr) return names;
    const absl::StatusOr<std::vector<std::string>> more = others_->TableNames();
    if (!more.ok()) return more.status();
    names->insert(names->end(), more->begin(), more->end());
    return names;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    absl::StatusOr<SourceSchema> schema = Look(/*last=*/false);
    for (int look = 2; look <= kLooks && absl::IsAborted(schema.status()); ++look)
      schema = Look(look == kLooks);
    return schema;
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    return ReaderOf(table).CountRows(table);
  }
  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    if (const auto due = due_.find(FoldName(table)); due != due_.end()) {
      Due first = due->second;
      due_.erase(due);
      if (columns == AllColumns(first.source.schema)) return ReadAndLook(first, columns);
      // Not all that its digests are over is read.
      std::vector<std::string> notes;
      const CaptureRule& rule = *rules_.Find(table);
      const absl::StatusOr<CaptureState::Table> known = Prepare(first.source, rule);
      if (!known.ok()) return known.status();
      absl::Status looked = Capture(first.source, rule, *known, first.run, &notes);
      if (!looked.ok()) return looked;
    }
    const absl::StatusOr<bool> twice = HasKeysTwice(table);
    if (!twice.ok()) return twice.status();
    if (*twice) {
      absl::StatusOr<std::unique_ptr<DigestReader>> keys = inner_->Digests(table, FindSchema(table)->Key());
      if (!keys.ok()) return keys.status();
      return std::make_unique<RowsOnce>(*inner_, table, *std::move(keys), columns);
    }
    return ReaderOf(table).Read(table, columns);
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns) override {
    return ReaderOf(table).Digests(table, columns);
  }
  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    return ReaderOf(table).RowsOf(table, columns, std::move(keys));
  }
  std::size_t KeysAtATime() const override { return inner_->KeysAtATime(); }

  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(const std::string& table, Lsn from,
                                                        const std::vector<std::uint32_t>& columns,
                                                        bool whole_rows, bool count_all,
                                                        std::vector<Key> also) override {
    const CaptureRule* const rule = rules_.Find(table);
    if (rule == nullptr) {
      return ReaderOf(table).Changes(table, from, columns, whole_rows, count_all, std::move(also));
    }
    const TableSchema* const schema = FindSchema(table);
    absl::StatusOr<std::optional<CaptureState::Table>> captured = state_.Find(table);
    if (!captured.ok()) return captured.status();
    if (schema == nullptr || !*captured) {
      return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
    }
    return std::make_unique<NotedChanges>(*inner_, state_, **std::move(captured), *schema, columns,
                                          from.value, whole_rows, *rule, std::move(also));
  }

 private:
  /// A table whose first look is still to be taken.
  struct Due {
    SourceTable source;
    std::int64_t run = 0;
  };

  absl::StatusOr<std::unique_ptr<TableReader>> ReadAndLook(const Due& due,
                                                           const std::vector<std::uint32_t>& columns) {
    const TableSchema& schema = due.source.schema;
    const CaptureRule& rule = *rules_.Find(schema.name);
    const absl::StatusOr<CaptureState::Table> table = Prepare(due.source, rule);
    if (!table.ok()) return table.status();
    absl::StatusOr<std::unique_ptr<TableReader>> rows = inner_->Read(schema.name, columns);
    if (!rows.ok()) return rows;
    absl::StatusOr<std::unique_ptr<CaptureLook>> look = CaptureLook::Begin(state_, *table, due.run);
    if (!look.ok()) return look.status();
    return std::make_unique<RowsLookedAt>(*std::move(rows), *std::move(look), schema, table->by_column);
  }

  absl::StatusOr<CaptureState::Table> Prepare(const SourceTable& source, const CaptureRule& rule) {
    const TableSchema& schema = source.schema;
    const bool by_column = rule.by_column && !schema.Key().empty();
    return state_.Prepare(schema.name, FormOf(schema, rule, source.steps), schema.Key().size(), by_column);
  }

  /// Whether the first look at a table can wait until it is read to be sent.
  bool CanWait(const CaptureState::Table& table, const CaptureRule& rule) const {
    return never_sent_ && rule.how == CaptureRule::How::kSynthetic && table.looked_ms == 0 &&
           never_sent_(table.name);
  }

  /// kAborted: a table moved meanwhile; with `last` that is the table's own problem.
  absl::StatusOr<SourceSchema> Look(bool last) {
    absl::StatusOr<SourceSchema> schema = inner_->Schema();
    if (!schema.ok()) return schema;
    if (others_ != nullptr) {
      absl::StatusOr<SourceSchema> others = others_->Schema();
      if (!others.ok()) return others;
      // What is blocked and which patterns are idle both say alike.
      std::move(others->tables.begin(), others->tables.end(), std::back_inserter(schema->tables));
      std::move(others->refused.begin(), others->refused.end(), std::back_inserter(schema->refused));
      std::move(others->notes.begin(), others->notes.end(), std::back_inserter(schema->notes));
    }
    if (feeds_ != nullptr) {
      absl::StatusOr<SourceSchema> feeds = feeds_->Schema();
      if (!feeds.ok()) return feeds;
      feed_schema_ = *std::move(feeds);
    }
    schemas_.clear();
    twice_.clear();
    due_.clear();
    const absl::StatusOr<std::int64_t> run = state_.BeginRun();
    if (!run.ok()) return run.status();
    for (SourceTable& table : schema->tables) {
      const CaptureRule* const rule = rules_.Find(table.schema.name);
      if (!table.problem.empty() || rule == nullptr) continue;
      schemas_.push_back(table.schema);
      if (!table.later.empty()) {
        schema->notes.push_back(table.later);
        continue;
      }
      const absl::StatusOr<CaptureState::Table> known = Prepare(table, *rule);
      if (known.ok() && CanWait(*known, *rule)) {
        due_[FoldName(table.schema.name)] = {table, *run};
        continue;
      }
      const absl::Status captured =
          known.ok() ? Capture(table, *rule, *known, *run, &schema->notes) : known.status();
      if (captured.ok()) continue;
      // Of the source or of the state as a whole.
      if (absl::IsUnavailable(captured) || absl::IsDataLoss(captured)) return captured;
      if (absl::IsAborted(captured) && !last) return captured;
      table.problem = std::string(captured.message());
    }
    return schema;
  }

  absl::Status Capture(SourceTable& source, const CaptureRule& rule, const CaptureState::Table& table,
                       std::int64_t run, std::vector<std::string>* notes) {
    const TableSchema& schema = source.schema;
    const absl::StatusOr<std::uint32_t> column = ColumnOf(schema, rule);
    if (!column.ok()) return column.status();
    const absl::StatusOr<std::unique_ptr<CaptureLook>> look = CaptureLook::Begin(state_, table, run);
    if (!look.ok()) return look.status();
    Taken taken{schema, **look, notes, table.by_column};
    // First: what is there behind it was made again.
    absl::Status status =
        rule.deletes_from ? TakeDeletes(*rule.deletes_from, table, taken) : absl::OkStatus();
    if (!status.ok()) return status;
    switch (rule.how) {
      case CaptureRule::How::kSynthetic:
        status = TakeAll(taken);
        break;
      case CaptureRule::How::kWatermark:
      case CaptureRule::How::kWatermarkCdc:
        status = TakeBehindWatermark(rule, *column, table, taken);
        break;
      case CaptureRule::How::kWindow:
        status = TakeWindow(rule, *column, table, taken);
        break;
    }
    if (!status.ok()) return status;
    source.unreadable = taken.unreadable || taken.partial;
    using Others = CaptureLook::Others;
    const absl::StatusOr<CaptureLook::Found> found = (*look)->End(!rule.SeesDeletes() ? Others::kForget
                                                                  : taken.partial     ? Others::kStay
                                                                                      : Others::kGone);
    if (!found.ok()) return found.status();
    if (found->twice > 0) {
      twice_.insert(schema.name);
      notes->push_back(TwiceNote(schema.name, found->twice));
    }
    return absl::OkStatus();
  }

  /// Of a table that is captured; null: it is not.
  const TableSchema* FindSchema(const std::string& table) const {
    const auto schema = std::find_if(schemas_.begin(), schemas_.end(),
                                     [&](const TableSchema& known) { return SameName(known.name, table); });
    return schema == schemas_.end() ? nullptr : &*schema;
  }

  absl::StatusOr<bool> HasKeysTwice(const std::string& table) {
    if (twice_.contains(table)) return true;
    const CaptureRule* const rule = rules_.Find(table);
    const TableSchema* const schema = FindSchema(table);
    // A look at all rows would have met them.
    if (rule == nullptr || rule->how == CaptureRule::How::kSynthetic || schema == nullptr ||
        !inner_->MayRepeatKeys(table)) {
      return false;
    }
    const absl::StatusOr<std::unique_ptr<DigestReader>> keys = inner_->Digests(table, schema->Key());
    if (!keys.ok()) return keys.status();
    std::uint64_t different = 0;
    for (bool end = false; !end;) {
      const absl::StatusOr<DigestPiece> piece = (*keys)->Next(kDigestsAtATime, /*each=*/false);
      if (!piece.ok()) return piece.status();
      different += piece->digest.rows;
      end = piece->end;
    }
    const absl::StatusOr<std::uint64_t> rows = inner_->CountRows(table);
    if (!rows.ok()) return rows.status();
    return different < *rows;
  }

  SourceReader& ReaderOf(const std::string& table) {
    return others_ == nullptr || rules_.Find(table) != nullptr ? *inner_ : *others_;
  }

  /// What a look at one table is about.
  struct Taken {
    const TableSchema& schema;
    CaptureLook& look;
    std::vector<std::string>* notes;
    bool by_column = false;
    bool unreadable = false;  ///< There are rows of which only the key can be read.
    bool partial = false;     ///< There are rows of which not even the key can be read.
    KeyPart greatest = {};
  };

  static absl::StatusOr<std::uint32_t> ColumnOf(const TableSchema& schema, const CaptureRule& rule) {
    if (rule.how == CaptureRule::How::kSynthetic) return 0U;
    const std::string strategy(ToString(rule.how));
    if (schema.Key().empty()) {
      return absl::InvalidArgumentError(absl::StrCat("table '", schema.name,
                                                     "' has no key, which strategy \"", strategy,
                                                     "\" needs: use \"synthetic\""));
    }
    const std::optional<std::uint32_t> column = schema.Find(rule.column);
    if (column) return *column;
    return absl::InvalidArgumentError(absl::StrCat("table '", schema.name, "' has no column '", rule.column,
                                                   "', by which strategy \"", strategy,
                                                   "\" finds what changed"));
  }

  /// All rows that `rows` gives.
  absl::Status Take(DigestReader& rows, Taken& taken, bool only_keys = false) {
    const bool keyed = !taken.schema.Key().empty();
    RangeDigest all;
    for (bool end = false; !end;) {
      const absl::StatusOr<DigestPiece> piece = rows.Next(kDigestsAtATime, keyed);
      if (!piece.ok()) return piece.status();
      end = piece->end;
      all.Add(piece->digest);
      for (std::size_t i = 0; i < piece->rows.size(); ++i) {
        const auto& [key, digest] = piece->rows[i];
        if (absl::Status whole = CheckKey(key, taken.schema.name); !whole.ok()) return whole;
        absl::Status added = only_keys ? taken.look.Learn(key)
                             : taken.by_column && i < piece->by_column.size()
                                 ? taken.look.Add(key, digest, piece->by_column[i])
                                 : taken.look.Add(key, digest);
        if (!added.ok()) return added;
      }
      taken.unreadable = taken.unreadable || !piece->untold.empty();
      for (const Key& untold : piece->untold) {
        if (absl::Status kept = taken.look.Keep(untold); !kept.ok()) return kept;
      }
      taken.partial = taken.partial || piece->partial;
      if (piece->greatest.kind != Kind::kNull) taken.greatest = piece->greatest;
      if (!only_keys) taken.notes->insert(taken.notes->end(), piece->notes.begin(), piece->notes.end());
    }
    return keyed ? absl::OkStatus() : taken.look.AddAll(all.rows, all.sum);
  }

  /// A key that may hold NULL was without until now: the next look finds it so.
  absl::Status CheckKey(const Key& key, const std::string& table) {
    const bool whole =
        std::none_of(key.begin(), key.end(), [](const KeyPart& part) { return part.kind == Kind::kNull; });
    if (whole) return absl::OkStatus();
    inner_->Forget(table);
    return absl::AbortedError(absl::StrCat("table '", table, "' has a row without a value in its key"));
  }

  absl::Status TakeAll(Taken& taken) {
    const auto rows = taken.by_column ? inner_->ScanByColumn(taken.schema.name, AllColumns(taken.schema))
                                      : inner_->Scan(taken.schema.name, AllColumns(taken.schema));
    return rows.ok() ? Take(**rows, taken) : rows.status();
  }

  absl::Status TakeFrom(const RowBound& bound, Taken& taken) {
    const auto rows = inner_->ScanFrom(taken.schema.name, AllColumns(taken.schema), bound);
    return rows.ok() ? Take(**rows, taken) : rows.status();
  }

  absl::Status TakeBehindWatermark(const CaptureRule& rule, std::uint32_t column,
                                   const CaptureState::Table& table, Taken& taken) {
    const absl::StatusOr<SourceReader::ColumnFacts> facts = LookAtColumn(taken, column);
    if (!facts.ok()) return facts.status();
    const bool first = table.pointer.kind == Kind::kNull;
    const KeyPart pointer = first ? facts->greatest : table.pointer;
    absl::Status status;
    if (rule.SeesDeletes() && first) {
      status = TakeAll(taken);
    } else if (pointer.kind != Kind::kNull) {
      status =
          TakeFrom({column, rule.SeesDeletes() ? CutToPrecision(pointer, rule.precision) : pointer}, taken);
    }
    if (!status.ok()) return status;
    if (rule.SeesDeletes() && !first) {
      const auto keys = inner_->Scan(taken.schema.name, taken.schema.Key());
      if (!keys.ok()) return keys.status();
      if (status = Take(**keys, taken, /*only_keys=*/true); !status.ok()) return status;
    }
    const bool grew = taken.greatest.kind != Kind::kNull && pointer < taken.greatest;
    taken.look.SetPointer(grew ? taken.greatest : pointer);
    return absl::OkStatus();
  }

  absl::Status TakeDeletes(const DeleteFeed& feed, const CaptureState::Table& table, Taken& taken) {
    const auto wrong = [&](std::string_view why) {
      return absl::FailedPreconditionError(absl::StrCat(
          "table '", taken.schema.name, "': its 'deletes_from', '", feed.table, "': ", std::string(why)));
    };
    for (const RefusedTable& refused : feed_schema_.refused) {
      if (SameName(refused.name, feed.table)) return wrong(refused.reason);
    }
    const auto found =
        std::find_if(feed_schema_.tables.begin(), feed_schema_.tables.end(),
                     [&](const SourceTable& one) { return SameName(one.schema.name, feed.table); });
    if (found == feed_schema_.tables.end()) return wrong("the source has no such table");
    if (!found->problem.empty()) return wrong(found->problem);
    if (!found->later.empty()) {
      taken.notes->push_back(found->later);
      return absl::OkStatus();
    }
    const std::vector<std::uint32_t> key = taken.schema.Key();
    if (key.size() != feed.key.size()) {
      return wrong(absl::StrCat("'key' names ", feed.key.size(), " columns, and the key of the table has ",
                                key.size()));
    }
    RowBound bound;
    std::vector<std::uint32_t> columns;
    for (const std::string& name : feed.key) {
      const std::optional<std::uint32_t> column = found->schema.Find(name);
      if (!column) return wrong(absl::StrCat("it has no column '", name, "'"));
      bound.key.push_back(*column);
    }
    columns = bound.key;
    const std::optional<std::uint32_t> column = found->schema.Find(feed.column);
    if (!column) return wrong(absl::StrCat("it has no column '", feed.column, "'"));
    bound.column = *column;
    if (std::find(columns.begin(), columns.end(), *column) == columns.end()) columns.push_back(*column);

    bound.from = table.deletes_pointer;
    // Whatever was deleted before the first look is not sent at all.
    const bool first = table.looked_ms == 0;
    if (bound.from.kind == Kind::kNull) {
      bound.from = KeyPart{Kind::kInteger, INT64_MIN, 0, ""};
      if (first) {
        const absl::StatusOr<SourceReader::ColumnFacts> facts = feeds_->LookAtColumn(feed.table, *column);
        if (!facts.ok()) return facts.status();
        if (facts->greatest.kind == Kind::kNull) return absl::OkStatus();
        bound.from = facts->greatest;
      }
    }
    const auto rows = feeds_->ScanFrom(feed.table, columns, bound);
    if (!rows.ok()) return rows.status();
    KeyPart greatest = bound.from;
    std::uint64_t keyless = 0;
    for (bool end = false; !end;) {
      const absl::StatusOr<DigestPiece> piece = (*rows)->Next(kDigestsAtATime, /*each=*/true);
      if (!piece.ok()) return piece.status();
      end = piece->end;
      for (const auto& [given, digest] : piece->rows) {
        const std::optional<Key> fitting = FitKey(given, taken.schema, key);
        if (!fitting) {
          ++keyless;
          continue;
        }
        if (absl::Status fed = taken.look.Fed(*fitting, digest, !first); !fed.ok()) return fed;
      }
      if (piece->greatest.kind != Kind::kNull && greatest < piece->greatest) greatest = piece->greatest;
      taken.notes->insert(taken.notes->end(), piece->notes.begin(), piece->notes.end());
    }
    if (keyless > 0) {
      taken.notes->push_back(absl::StrCat("'", feed.table, "': ", keyless,
                                          keyless == 1 ? " row names" : " rows name", " no key of table '",
                                          taken.schema.name, "', and deletes nothing"));
    }
    taken.look.SetDeletesPointer(std::move(greatest));
    return absl::OkStatus();
  }

  /// The key as the table would have it: files hold what is a number here as a text there. Absent: it is
  /// none.
  static std::optional<Key> FitKey(Key given, const TableSchema& schema,
                                   const std::vector<std::uint32_t>& key) {
    for (std::size_t i = 0; i < given.size(); ++i) {
      KeyPart& part = given[i];
      const Type type = schema.columns[key[i]].type;
      if (part.kind == Kind::kNull) return std::nullopt;
      if (type == Type::kText && part.kind == Kind::kInteger) {
        part = KeyPart{Kind::kText, 0, 0, absl::StrCat(part.integer)};
      } else if (type == Type::kInt64 && part.kind == Kind::kText) {
        const std::optional<std::int64_t> integer = ReadDeclaredInteger(part.bytes);
        if (!integer) return std::nullopt;
        part = KeyPart{Kind::kInteger, *integer, 0, ""};
      }
    }
    return given;
  }

  absl::Status TakeWindow(const CaptureRule& rule, std::uint32_t column, const CaptureState::Table& table,
                          Taken& taken) {
    const absl::StatusOr<SourceReader::ColumnFacts> facts = LookAtColumn(taken, column);
    if (!facts.ok()) return facts.status();
    const std::int64_t now_ms = NowMs();
    if (table.looked_ms > 0 && now_ms - table.looked_ms > rule.window_ms) {
      taken.notes->push_back(absl::StrCat(
          "table '", taken.schema.name,
          "': the last look at it was longer ago than its window; what changed between is not seen. Send "
          "it whole with --repopulate, and make the window longer than any pause"));
    }
    if (facts->greatest.kind == Kind::kNull) return absl::OkStatus();
    const bool numbers = facts->greatest.kind == Kind::kInteger || facts->greatest.kind == Kind::kReal;
    if (!rule.time.empty() && (rule.time == "iso") == numbers) {
      return absl::InvalidArgumentError(absl::StrCat(
          "table '", taken.schema.name, "': the greatest value of '", taken.schema.columns[column].name,
          "' is ", numbers ? "a number" : "a text", ", which 'time' = \"", rule.time,
          "\" of its [[source.table]] is not: say what it is"));
    }
    return TakeFrom({column, BeginOfWindow(rule, numbers, now_ms)}, taken);
  }

  absl::StatusOr<SourceReader::ColumnFacts> LookAtColumn(const Taken& taken, std::uint32_t column) {
    absl::StatusOr<SourceReader::ColumnFacts> facts = inner_->LookAtColumn(taken.schema.name, column);
    if (facts.ok() && facts->nulls > 0) {
      taken.notes->push_back(absl::StrCat(
          "table '", taken.schema.name, "': ", facts->nulls, facts->nulls == 1 ? " row has" : " rows have",
          " no value in '", taken.schema.columns[column].name,
          "', by which its changes are found: what changes in them is not seen"));
    }
    return facts;
  }

  const std::unique_ptr<SourceReader> inner_;
  const std::unique_ptr<SourceReader> others_;  ///< Of tables that are not captured; null: there are none.
  const std::unique_ptr<SourceReader> feeds_;   ///< Of deletes; null: there are none.
  CaptureState& state_;
  const CaptureRules rules_;
  const std::function<bool(const std::string&)> never_sent_;  ///< Empty: nobody knows.
  // Of this look.
  SourceSchema feed_schema_;
  std::vector<TableSchema> schemas_;
  std::map<std::string, Due> due_;  ///< By folded name.
  std::set<std::string> twice_;     ///< Tables with rows that have the key of another one.
};

}  // namespace

std::unique_ptr<SourceReader> OpenCaptureReader(CaptureSources sources, CaptureState& state,
                                                CaptureRules rules,
                                                std::function<bool(const std::string&)> never_sent) {
  return std::make_unique<CaptureReader>(std::move(sources), state, std::move(rules), std::move(never_sent));
}

}  // namespace mirror
