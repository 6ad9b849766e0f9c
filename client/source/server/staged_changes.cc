#include "client/source/server/staged_changes.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/capture/row_appender.h"

namespace mirror {
namespace {

/// Appends staged rows of one table to the wire's blocks, after applying its steps. Threads: one.
class StagedBlocks {
 public:
  /// `texts` must outlive it. `columns`: those to send.
  StagedBlocks(StagedTexts& texts, const TableSchema& schema, std::vector<std::uint32_t> columns);

  /// Sets the numbers of the key's columns, in its order. Errors: kAborted: they are not the announced key.
  absl::Status SetKey(const std::vector<std::int64_t>& numbers);

  // Errors: those of TableReader::Next().

  /// Skips a key that the mirror cannot have, see StagedTexts::DecodeGone().
  absl::Status Delete(const StagedKey& key);
  /// Appends an update of these columns.
  absl::Status Update(const StagedKey& key, std::vector<StagedValue> values, LargeSink* sink);
  /// Appends a whole row; columns without a value are NULL. False: its steps leave it out.
  absl::StatusOr<bool> Insert(const StagedKey& key, std::vector<StagedValue> values, LargeSink* sink);
  /// As Insert(), but into this block.
  absl::StatusOr<bool> InsertInto(const StagedKey& key, std::vector<StagedValue> values, RowBlock* block,
                                  LargeSink* sink);

  bool IsEmpty() const { return rows_ == 0; }
  bool IsFull(const BlockSize& size) const;
  /// Returns deletes, updates, inserts.
  std::vector<ChangeBlock> TakeAll();

 private:
  /// A block of rows with the same columns.
  struct Shape {
    RowAppender appender;
    std::optional<RowBlock> block;
  };
  using Texts = std::vector<SourceText>;

  std::optional<std::uint32_t> ColumnOf(std::int64_t number);
  absl::StatusOr<std::vector<std::string>> KeyTexts(const StagedKey& key) const;
  absl::StatusOr<Texts> ByColumn(const StagedKey& key, std::vector<StagedValue> values);
  absl::StatusOr<std::vector<Value>> Decode(const std::vector<std::uint32_t>& columns, const Texts& texts);
  absl::Status Append(const RowAppender& appender, const std::vector<std::uint32_t>& columns,
                      const std::vector<Value>& values, RowBlock* block, LargeSink* sink);

  StagedTexts& texts_;
  const TableSchema& schema_;
  const std::vector<std::uint32_t> columns_;
  std::vector<std::uint32_t> all_, announced_key_;
  std::vector<std::uint32_t> key_;  ///< In the order of the key's texts.
  const RowAppender whole_, gone_;
  std::unordered_map<std::int64_t, std::optional<std::uint32_t>> numbers_;
  std::vector<bool> touched_;  ///< Of the present row, by column.
  std::map<std::vector<std::uint32_t>, Shape> shapes_;
  std::optional<RowBlock> deletes_, inserts_;
  std::size_t rows_ = 0, weight_ = 0;
};

/// Maximum number of column sets in one piece.
constexpr std::size_t kStagedShapesMax = 64;

StagedBlocks::StagedBlocks(StagedTexts& texts, const TableSchema& schema, std::vector<std::uint32_t> columns)
    : texts_(texts),
      schema_(schema),
      columns_(std::move(columns)),
      all_(schema.columns.size()),
      announced_key_(schema.Key()),
      whole_(schema, columns_),
      gone_(schema, announced_key_) {
  std::iota(all_.begin(), all_.end(), 0U);
}

absl::Status StagedBlocks::SetKey(const std::vector<std::int64_t>& numbers) {
  key_.clear();
  for (const std::int64_t number : numbers) {
    const std::optional<std::uint32_t> column = ColumnOf(number);
    if (!column || schema_.columns[*column].key_position == 0) break;
    key_.push_back(*column);
  }
  if (!key_.empty() && key_.size() == numbers.size() && key_.size() == announced_key_.size())
    return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("table '", schema_.name, "' has another key now"));
}

std::optional<std::uint32_t> StagedBlocks::ColumnOf(std::int64_t number) {
  const auto [at, fresh] = numbers_.try_emplace(number);
  if (fresh) at->second = texts_.ColumnOf(number);
  return at->second;
}

absl::StatusOr<std::vector<std::string>> StagedBlocks::KeyTexts(const StagedKey& key) const {
  std::vector<std::string> texts = UnpackStagedKey(key);
  if (texts.size() == key_.size()) return texts;
  return absl::AbortedError(absl::StrCat("table '", schema_.name, "': a staged key does not fit its key"));
}

absl::StatusOr<StagedBlocks::Texts> StagedBlocks::ByColumn(const StagedKey& key,
                                                           std::vector<StagedValue> values) {
  Texts texts(schema_.columns.size());
  touched_.assign(texts.size(), false);
  for (StagedValue& value : values) {
    const std::optional<std::uint32_t> column = ColumnOf(value.column);
    if (!column) continue;
    texts[*column] = std::move(value.text);
    touched_[*column] = true;
  }
  ASSIGN_OR_RETURN(std::vector<std::string> parts, KeyTexts(key));
  for (std::size_t i = 0; i < key_.size(); ++i) {
    texts[key_[i]] = std::move(parts[i]);
    touched_[key_[i]] = true;
  }
  return texts;
}

/// Decodes the texts of some columns, from texts by column.
absl::StatusOr<std::vector<Value>> StagedBlocks::Decode(const std::vector<std::uint32_t>& columns,
                                                        const Texts& texts) {
  absl::StatusOr<std::vector<Value>> values = texts_.Decode(columns, texts);
  if (!values.ok() || values->size() == columns.size()) return values;
  return absl::InternalError(
      absl::StrCat("table '", schema_.name, "': a row has ", values->size(), " values"));
}

/// `values`: one for each of the columns.
absl::Status StagedBlocks::Append(const RowAppender& appender, const std::vector<std::uint32_t>& columns,
                                  const std::vector<Value>& values, RowBlock* block, LargeSink* sink) {
  if (block->columns.empty()) *block = RowBlock::For(schema_, columns);
  ASSIGN_OR_RETURN(const std::size_t weight, appender.Append(values, block, sink));
  weight_ += weight;
  ++rows_;
  return absl::OkStatus();
}

absl::Status StagedBlocks::Delete(const StagedKey& key) {
  ASSIGN_OR_RETURN(Texts texts, ByColumn(key, {}));
  Texts of_key;
  for (const std::uint32_t column : announced_key_) of_key.push_back(std::move(texts[column]));
  ASSIGN_OR_RETURN(std::optional<std::vector<Value>> decoded, texts_.DecodeGone(announced_key_, of_key));
  if (!decoded) return absl::OkStatus();
  std::vector<Value>& values = *decoded;
  if (texts_.HasSteps()) {
    std::vector<Value> row(schema_.columns.size());
    for (std::size_t i = 0; i < announced_key_.size(); ++i) row[announced_key_[i]] = values[i];
    RETURN_IF_ERROR(texts_.TurnKey(&row));
    for (std::size_t i = 0; i < announced_key_.size(); ++i) values[i] = row[announced_key_[i]];
  }
  if (!deletes_) deletes_.emplace();
  return Append(gone_, announced_key_, values, &*deletes_, nullptr);
}

absl::Status StagedBlocks::Update(const StagedKey& key, std::vector<StagedValue> values, LargeSink* sink) {
  ASSIGN_OR_RETURN(Texts texts, ByColumn(key, std::move(values)));
  std::vector<std::uint32_t> columns;
  Texts sent;
  for (const std::uint32_t column : columns_) {
    if (!touched_[column]) continue;
    columns.push_back(column);
    sent.push_back(std::move(texts[column]));
  }
  // None of its columns are sent.
  if (columns.size() <= key_.size()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<Value> decoded, Decode(columns, sent));
  auto shape = shapes_.find(columns);
  if (shape == shapes_.end())
    shape = shapes_.emplace(columns, Shape{RowAppender(schema_, columns), std::nullopt}).first;
  if (!shape->second.block) shape->second.block.emplace();
  return Append(shape->second.appender, columns, decoded, &*shape->second.block, sink);
}

absl::StatusOr<bool> StagedBlocks::Insert(const StagedKey& key, std::vector<StagedValue> values,
                                          LargeSink* sink) {
  if (!inserts_) inserts_ = RowBlock::For(schema_, columns_);
  return InsertInto(key, std::move(values), &*inserts_, sink);
}

absl::StatusOr<bool> StagedBlocks::InsertInto(const StagedKey& key, std::vector<StagedValue> values,
                                              RowBlock* block, LargeSink* sink) {
  ASSIGN_OR_RETURN(Texts texts, ByColumn(key, std::move(values)));
  absl::StatusOr<std::vector<Value>> decoded;
  Texts some;
  if (texts_.HasSteps()) {
    decoded = Decode(all_, texts);
    if (!decoded.ok()) return decoded.status();
    const absl::StatusOr<bool> taken = texts_.TakeSteps(&*decoded);
    if (!taken.ok() || !*taken) return taken;
    std::vector<Value> sent;
    for (const std::uint32_t column : columns_) sent.push_back((*decoded)[column]);
    *decoded = std::move(sent);
  } else {
    for (const std::uint32_t column : columns_) some.push_back(std::move(texts[column]));
    decoded = Decode(columns_, some);
    if (!decoded.ok()) return decoded.status();
  }
  RETURN_IF_ERROR(Append(whole_, columns_, *decoded, block, sink));
  return true;
}

bool StagedBlocks::IsFull(const BlockSize& size) const {
  return rows_ >= size.rows || weight_ >= size.bytes || shapes_.size() >= kStagedShapesMax;
}

std::vector<ChangeBlock> StagedBlocks::TakeAll() {
  std::vector<ChangeBlock> blocks;
  if (deletes_) blocks.push_back({Operation::kDelete, *std::exchange(deletes_, std::nullopt)});
  for (auto& [columns, shape] : shapes_) {
    if (shape.block) blocks.push_back({Operation::kUpdate, *std::exchange(shape.block, std::nullopt)});
  }
  if (shapes_.size() >= kStagedShapesMax) shapes_.clear();
  if (inserts_ && inserts_->rows() > 0) blocks.push_back({Operation::kInsert, *std::move(inserts_)});
  inserts_.reset();
  rows_ = weight_ = 0;
  return blocks;
}

/// The number of rows to read at once. It adapts so that these rows take about 1 MB of memory.
class StagedPortion {
 public:
  std::size_t rows() const { return rows_; }
  void Learn(std::size_t bytes) {
    if (bytes > kBytes) rows_ = std::max(kLeast, rows_ / 2);
    if (bytes < kBytes / 4) rows_ = std::min(kMost, rows_ * 2);
  }

 private:
  static constexpr std::size_t kBytes = 1'000'000, kLeast = 1, kMost = 1'024;
  std::size_t rows_ = 16;
};

std::size_t BytesOf(const std::vector<StagedValue>& values) {
  std::size_t bytes = 0;
  for (const StagedValue& value : values) bytes += sizeof value + (value.text ? value.text->size() : 0);
  return bytes;
}

/// Replaces a row's former values by the new ones.
std::vector<StagedValue> LayOver(std::vector<StagedValue> base, std::vector<StagedValue> values) {
  for (StagedValue& value : values) {
    const auto same = std::find_if(base.begin(), base.end(),
                                   [&](const StagedValue& former) { return former.column == value.column; });
    if (same == base.end()) {
      base.push_back(std::move(value));
    } else {
      same->text = std::move(value.text);
    }
  }
  return base;
}

absl::Status NotStaged(const TableSchema& schema, const absl::Status& why) {
  if (!absl::IsNotFound(why)) return why;
  return absl::AbortedError(absl::StrCat("table '", schema.name, "' is not staged any more"));
}

/// The staged rows of a table after a position, and the table's state, read after them.
class StagedLook {
 public:
  StagedLook(StageView& stage, std::int64_t table) : stage_(stage), table_(table) {}

  absl::Status Open(const TableSchema& schema, std::int64_t from) {
    absl::StatusOr<std::unique_ptr<StagedRows>> rows = stage_.RowsAfter(table_, from);
    if (!rows.ok()) return NotStaged(schema, rows.status());
    rows_ = *std::move(rows);
    at_end_ = false;
    batch_.clear();
    return Know(schema);
  }
  /// Reads the table's present state.
  absl::Status Know(const TableSchema& schema) {
    ASSIGN_OR_RETURN(const std::vector<StagedTable> tables, stage_.Tables());
    for (const StagedTable& table : tables) {
      if (table.id == table_) known_ = table;
      if (table.id == table_) return absl::OkStatus();
    }
    return NotStaged(schema, absl::NotFoundError(""));
  }
  const StagedTable& known() const { return known_; }
  StagedRows& rows() { return *rows_; }

  /// Absent: there is no further row.
  absl::StatusOr<std::optional<StagedRows::Row>> Next() {
    if (batch_.empty() && !at_end_) {
      ASSIGN_OR_RETURN(std::vector<StagedRows::Row> some, rows_->Next(portion_.rows()));
      at_end_ = some.size() < portion_.rows();
      std::size_t bytes = 0;
      for (StagedRows::Row& row : some) {
        bytes += BytesOf(row.row.values);
        batch_.push_back(std::move(row));
      }
      portion_.Learn(bytes);
    }
    if (batch_.empty()) return std::nullopt;
    std::optional<StagedRows::Row> row = std::move(batch_.front());
    batch_.pop_front();
    return row;
  }

 private:
  StageView& stage_;
  const std::int64_t table_;
  std::unique_ptr<StagedRows> rows_;
  StagedTable known_;
  std::deque<StagedRows::Row> batch_;
  bool at_end_ = true;
  StagedPortion portion_;
};

StageView& ViewOf(Stage& stage, const StagedAsk& ask) {
  return ask.moment == nullptr ? static_cast<StageView&>(stage) : *ask.moment;
}

class StagedChanges : public ChangeReader {
 public:
  StagedChanges(Stage& stage, std::unique_ptr<StagedTexts> texts, StagedAsk ask)
      : texts_(std::move(texts)),
        ask_(std::move(ask)),
        stage_(ViewOf(stage, ask_)),
        has_steps_(texts_->HasSteps()),
        mirrored_lsn_(std::max(ask_.from, ask_.mirrored_lsn)),
        also_(ask_.also.begin(), ask_.also.end()),
        look_(stage_, ask_.table),
        blocks_(*texts_, ask_.schema, ask_.columns) {}

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    ChangePiece piece;
    piece.target = ask_.target;
    bool counts_less = false;
    if (round_ == 0) {
      RETURN_IF_ERROR(BeginRound(ask_.from));
      RETURN_IF_ERROR(Plan(&piece, &counts_less));
    }
    while (!at_end_ && !blocks_.IsFull(size)) {
      if (!RoundIsOver()) {
        RETURN_IF_ERROR(Step(sink));
        continue;
      }
      at_end_ = ask_.moment != nullptr || !read_base_ || round_ >= kStagedRoundsMax;
      // The next round may delete a row that this one inserts, but within one piece deletes come first. So
      // the piece ends here.
      if (at_end_ || !blocks_.IsEmpty()) break;
      RETURN_IF_ERROR(BeginRound(look_.rows().place()));
    }
    piece.blocks = blocks_.TakeAll();
    // In a last piece every delete counts as planned. Some of these deletes do not, so an empty last piece
    // follows.
    piece.last = at_end_ && !counts_less;
    return piece;
  }

 private:
  /// A row that was read in the source, or is known to be deleted.
  struct Ready {
    StagedKey key;
    bool gone = false;
    std::vector<StagedValue> values;
  };

  absl::Status BeginRound(std::int64_t from) {
    ++round_;
    read_base_ = rows_are_taken_ = false;
    RETURN_IF_ERROR(look_.Open(ask_.schema, from));
    if (look_.known().truncated_lsn > from) {
      return absl::AbortedError(absl::StrCat("table '", ask_.schema.name, "' was emptied (TRUNCATE)"));
    }
    return blocks_.SetKey(look_.known().key);
  }

  absl::Status Plan(ChangePiece* piece, bool* counts_less) {
    ASSIGN_OR_RETURN(const StagedRows::Counts counts, look_.rows().Count(mirrored_lsn_));
    *counts_less = counts.came_and_went > 0;
    const bool whole = ask_.whole_rows || has_steps_;
    piece->planned.emplace();
    piece->planned->inserts =
        static_cast<std::uint64_t>(counts.whole + counts.moved + (whole ? counts.parts : 0)) + also_.size();
    piece->planned->updates = static_cast<std::uint64_t>(whole ? 0 : counts.parts);
    piece->planned->expected_deletes = static_cast<std::uint64_t>(counts.gone - counts.came_and_went);
    // Step() reads them in the source after the deletes were sent.
    wanted_.assign(also_.begin(), also_.end());
    return absl::OkStatus();
  }

  bool RoundIsOver() const { return ready_.empty() && wanted_.empty() && rows_are_taken_; }

  /// Takes one row, or rows from the source.
  absl::Status Step(LargeSink* sink) {
    if (!ready_.empty()) {
      Ready row = std::move(ready_.front());
      ready_.pop_front();
      return row.gone ? blocks_.Delete(row.key) : PutWhole(row.key, std::move(row.values), sink);
    }
    if (!wanted_.empty() && (rows_are_taken_ || (wanted_.size() >= portion_.rows() && deletes_are_taken_)))
      return ReadBase();
    ASSIGN_OR_RETURN(std::optional<StagedRows::Row> row, look_.Next());
    rows_are_taken_ = !row;
    deletes_are_taken_ = !row || row->row.kind != StagedKind::kGone;
    return row ? Take(*std::move(row), sink) : absl::OkStatus();
  }

  absl::Status Take(StagedRows::Row row, LargeSink* sink) {
    // Step() reads this row in the source.
    if (round_ == 1 && also_.contains(row.key)) return absl::OkStatus();
    const bool whole = ask_.whole_rows || has_steps_;
    switch (row.row.kind) {
      case StagedKind::kGone:
        return blocks_.Delete(row.key);
      case StagedKind::kWhole:
        return PutWhole(row.key, std::move(row.row.values), sink);
      case StagedKind::kPart:
        if (!whole) return blocks_.Update(row.key, std::move(row.row.values), sink);
        if (row.row.complete) return PutWhole(row.key, std::move(row.row.values), sink);
        break;
      case StagedKind::kMoved:
        break;
    }
    wanted_.push_back(std::move(row.key));
    return absl::OkStatus();
  }

  /// Appends a whole row, or its delete if the steps leave it out. The mirror may have the row even if it was
  /// first inserted after `from`: rows sent earlier were as new as the stage was then.
  absl::Status PutWhole(const StagedKey& key, std::vector<StagedValue> values, LargeSink* sink) {
    const absl::StatusOr<bool> put = blocks_.Insert(key, std::move(values), sink);
    return !put.ok() || *put ? put.status() : blocks_.Delete(key);
  }

  /// Reads some of the wanted rows in the source and merges their staged changes into them.
  absl::Status ReadBase() {
    read_base_ = true;
    std::vector<StagedKey> keys;
    for (; !wanted_.empty() && keys.size() < portion_.rows(); wanted_.pop_front())
      keys.push_back(std::move(wanted_.front()));
    std::size_t bytes = 0;
    for (int reading = 0; !keys.empty(); ++reading) {
      if (reading == kStagedReadsMax) {
        return absl::AbortedError(absl::StrCat("table '", ask_.schema.name, "': ", keys.size(),
                                               " of its rows could not be read in a state that fits the "
                                               "log"));
      }
      ASSIGN_OR_RETURN(StagedTexts::BaseRows base, texts_->ReadBase(keys));
      // The staged changes may be newer than the round's rows.
      absl::StatusOr<std::vector<StagedRows::Row>> staged = stage_.RowsOf(ask_.table, keys);
      if (!staged.ok()) return NotStaged(ask_.schema, staged.status());
      RETURN_IF_ERROR(look_.Know(ask_.schema));
      keys = LayStaged(std::move(keys), std::move(base), *std::move(staged), &bytes);
    }
    portion_.Learn(bytes);
    return absl::OkStatus();
  }

  /// Merges staged changes into rows that were read in the source. Returns the keys whose rows cannot be
  /// determined by this reading.
  std::vector<StagedKey> LayStaged(std::vector<StagedKey> keys, StagedTexts::BaseRows base,
                                   std::vector<StagedRows::Row> staged, std::size_t* bytes) {
    // Changes at or below the floor may be missing.
    if (base.from < look_.known().floor) return keys;
    std::unordered_map<StagedKey, std::vector<StagedValue>*> there;
    for (StagedTexts::BaseRow& row : base.rows) there.emplace(row.key, &row.values);
    std::unordered_map<StagedKey, StagedRow*> known;
    for (StagedRows::Row& row : staged) known.emplace(row.key, &row.row);
    std::vector<StagedKey> waiting;
    for (StagedKey& key : keys) {
      const auto found = there.find(key);
      std::vector<StagedValue>* const under = found == there.end() ? nullptr : found->second;
      const auto row = known.find(key);
      Ready ready{key, false, {}};
      if (row == known.end()) {
        ready.gone = under == nullptr;
        if (under != nullptr) ready.values = std::move(*under);
      } else {
        StagedRow& over = *row->second;
        ready.gone = over.kind == StagedKind::kGone;
        const bool is_all = over.kind == StagedKind::kWhole || over.complete;
        // If the row moved to this key after the reading, the row that was read may be another one.
        const bool is_late = over.kind == StagedKind::kMoved && over.rekeyed >= base.from;
        // The keys of `also` are read regardless of the log: their rows may have been changed without it.
        if (over.lsn < base.from && also_.contains(key)) {
          ready.gone = under == nullptr;
          if (under != nullptr) ready.values = std::move(*under);
          *bytes += BytesOf(ready.values);
          ready_.push_back(std::move(ready));
          continue;
        }
        if (!ready.gone && !is_all && (under == nullptr || is_late)) {
          waiting.push_back(std::move(key));
          continue;
        }
        ready.values = is_all ? std::move(over.values)
                              : LayOver(under != nullptr ? std::move(*under) : std::vector<StagedValue>(),
                                        std::move(over.values));
      }
      *bytes += BytesOf(ready.values);
      ready_.push_back(std::move(ready));
    }
    return waiting;
  }

  const std::unique_ptr<StagedTexts> texts_;
  const StagedAsk ask_;
  StageView& stage_;
  const bool has_steps_;
  const std::int64_t mirrored_lsn_;
  const std::unordered_set<StagedKey> also_;
  StagedLook look_;
  StagedBlocks blocks_;
  int round_ = 0;
  bool read_base_ = false;  ///< Rows were read in the source in this round.
  bool rows_are_taken_ = false, deletes_are_taken_ = false, at_end_ = false;
  std::deque<StagedKey> wanted_;  ///< Keys to read in the source.
  StagedPortion portion_;
  std::deque<Ready> ready_;
};

class EmptiedTable : public TableReader {
 public:
  EmptiedTable(Stage& stage, std::unique_ptr<StagedTexts> texts, StagedAsk ask)
      : texts_(std::move(texts)),
        ask_(std::move(ask)),
        look_(ViewOf(stage, ask_), ask_.table),
        blocks_(*texts_, ask_.schema, ask_.columns) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    if (!has_begun_) RETURN_IF_ERROR(Begin());
    bool more = true;
    while (more && !blocks_.IsFull(size)) {
      ASSIGN_OR_RETURN(std::optional<StagedRows::Row> row, look_.Next());
      more = row.has_value();
      if (!more || row->row.kind == StagedKind::kGone) continue;
      if (row->row.kind != StagedKind::kWhole) return NotAll();
      RETURN_IF_ERROR(blocks_.InsertInto(row->key, std::move(row->row.values), block, sink).status());
    }
    (void)blocks_.TakeAll();
    return more;
  }

 private:
  absl::Status Begin() {
    // Reads the table first to know the LSN. Minus 1, because later changes of that transaction have the same
    // LSN.
    RETURN_IF_ERROR(look_.Know(ask_.schema));
    const std::int64_t emptied = look_.known().truncated_lsn;
    if (emptied == 0) return NotAll();
    RETURN_IF_ERROR(look_.Open(ask_.schema, emptied - 1));
    if (look_.known().truncated_lsn != emptied) return NotAll();
    has_begun_ = true;
    return blocks_.SetKey(look_.known().key);
  }
  absl::Status NotAll() const {
    return absl::AbortedError(absl::StrCat("table '", ask_.schema.name, "': not all of its rows are staged"));
  }

  const std::unique_ptr<StagedTexts> texts_;
  const StagedAsk ask_;
  StagedLook look_;
  StagedBlocks blocks_;
  bool has_begun_ = false;
};

}  // namespace

std::unique_ptr<ChangeReader> ReadStagedChanges(Stage& stage, std::unique_ptr<StagedTexts> texts,
                                                StagedAsk ask) {
  return std::make_unique<StagedChanges>(stage, std::move(texts), std::move(ask));
}

std::unique_ptr<TableReader> ReadEmptiedTable(Stage& stage, std::unique_ptr<StagedTexts> texts,
                                              StagedAsk ask) {
  return std::make_unique<EmptiedTable>(stage, std::move(texts), std::move(ask));
}

}  // namespace mirror
