#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_ROWS_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_ROWS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "client/source/capture/value_rows.h"
#include "client/source/reader.h"
#include "client/source/server/server_look.h"
#include "client/source/server/server_words.h"
#include "client/source/steps/row_steps.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_part.h"

namespace mirror {

/// Rows of a table of a server's database, with the table's steps applied. Each kind of server queries them
/// in its own way. `L`: a ServerLook. `A`: selects the rows: has the `columns` (indexes of the schema), and
/// `left_out`: only rows that the table's `where` leaves out. `Decoder`: a ServerRowDecoder. Threads: one.
template <typename L, typename A, typename Decoder>
class ServerRows : public ValueRows {
 public:
  using Look = L;
  using Ask = A;
  using Known = typename Look::Known;

  /// Returns whether there is another row. If a value does not match its announcement, records this value and
  /// all such values after it for the next look, and returns an error.
  absl::StatusOr<bool> Next() final {
    for (;;) {
      const absl::StatusOr<bool> more = NextOfTable();
      if (!more.ok() || !*more || !steps_) return more;
      const absl::StatusOr<bool> wanted = TakeSteps();
      if (!wanted.ok() || *wanted) return wanted;
    }
  }
  const std::vector<Value>& values() const final { return steps_ ? values_ : decoder_.values(); }

 protected:
  /// `decoder`: for the columns of `known.ToRead(ask.columns)`.
  ServerRows(std::shared_ptr<const Look> look, std::shared_ptr<const Known> known, Ask ask, Decoder decoder)
      : look_(std::move(look)),
        known_(std::move(known)),
        ask_(std::move(ask)),
        read_(known_->ToRead(ask_.columns)),
        decoder_(std::move(decoder)) {}

  /// Begins the reading: checks that the table matches its look, and locks its definition.
  virtual absl::Status Begin() = 0;
  /// Sends the query; Step() gives its rows.
  virtual absl::Status Send() = 0;
  virtual absl::StatusOr<bool> Step() = 0;
  /// The fields of the present row of Step(), those of `read_` first.
  virtual const std::vector<std::string_view>& Fields() const = 0;
  /// Called after each row. Returns an error if the reading must stop.
  virtual absl::Status CheckOthers() { return absl::OkStatus(); }
  /// Turns an error of the reading into one for people, with the code that TableReader::Next() promises.
  virtual absl::Status Explain(const absl::Status& status) const = 0;
  /// Releases what Begin() and Send() took. The destructor of the derived class also does so.
  virtual void Close() = 0;

  const std::shared_ptr<const Look> look_;
  const std::shared_ptr<const Known> known_;
  const Ask ask_;
  const std::vector<std::uint32_t> read_;  ///< The columns that are read: with steps all columns.

 private:
  absl::Status Start() {
    has_begun_ = true;
    RETURN_IF_ERROR(Begin());
    if (known_->steps) {
      ASSIGN_OR_RETURN(RowSteps steps, RowSteps::Make(known_->ForSteps(), *known_->steps, look_->hash_key));
      steps_.emplace(std::move(steps));
    }
    return Send();
  }

  /// Returns the result for a reading that has ended, or that failed with `status`.
  absl::StatusOr<bool> End(const absl::Status& status) {
    absl::Status explained = status.ok() ? status : Explain(status);
    has_ended_ = true;
    Close();
    return explained.ok() ? absl::StatusOr<bool>(false) : explained;
  }

  absl::StatusOr<bool> NextOfTable() {
    if (has_ended_) return false;
    if (look_->is_over) {
      has_ended_ = true;
      Close();
      return MovedTable(known_->table.name);
    }
    absl::Status started;
    if (!has_begun_) started = Start();
    const absl::StatusOr<bool> more = started.ok() ? Step() : absl::StatusOr<bool>(started);
    if (!more.ok() || !*more) return End(more.status());
    if (const absl::Status others = CheckOthers(); !others.ok()) return End(others);
    if (decoder_.Decode(Fields())) return true;
    return TakeMisfits();
  }

  /// Returns whether the row is asked for: it matches `where`, or with `left_out` it does not. If so, sets
  /// `values_`.
  absl::StatusOr<bool> TakeSteps() {
    const absl::StatusOr<bool> matches = steps_->Matches(decoder_.values());
    if (!matches.ok()) return matches;
    if (*matches == ask_.left_out) return false;
    row_ = decoder_.values();
    RETURN_IF_ERROR(steps_->Turn(&row_));
    values_.clear();
    for (const std::uint32_t column : ask_.columns) values_.push_back(row_[column]);
    return true;
  }

  /// Examines the remaining rows, too, so that one new announcement covers all of them.
  absl::StatusOr<bool> TakeMisfits() {
    std::vector<Misfit> misfits;
    absl::StatusOr<bool> more = true;
    for (; more.ok() && *more; more = Step()) {
      if (decoder_.Decode(Fields())) continue;
      for (const Misfit& misfit : decoder_.misfits())
        misfits.push_back({read_[misfit.column], misfit.is_null});
      if (misfits.size() < read_.size() * 64) continue;
      look_->keep(*known_, misfits);
      misfits.clear();
    }
    look_->keep(*known_, misfits);
    RETURN_IF_ERROR(End(more.status()).status());
    return MisfitsIn(known_->table.name);
  }

  Decoder decoder_;
  bool has_begun_ = false, has_ended_ = false;
  std::optional<RowSteps> steps_;    ///< Set when the reading has begun.
  std::vector<Value> row_, values_;  ///< With steps: the whole row, and the values asked for.
};

/// Computes SourceReader::ColumnFacts with the server's own order, so that an index can answer. That order
/// must equal the order of KeyPart. Least, greatest and nulls may be of different moments. `ask`: returns the
/// query for the first row in the direction "ASC" or "DESC" among those that have a value. `count_nulls`:
/// counts rows with NULL.
template <typename Rows, typename Ask, typename CountNulls>
absl::StatusOr<SourceReader::ColumnFacts> FactsByOrder(
    const std::shared_ptr<const typename Rows::Look>& look,
    const std::shared_ptr<const typename Rows::Known>& known, std::uint32_t column, const Ask& ask,
    const CountNulls& count_nulls) {
  SourceReader::ColumnFacts facts;
  for (const auto& [direction, into] : {std::pair("ASC", &facts.least), std::pair("DESC", &facts.greatest)}) {
    Rows rows(look, known, ask(direction));
    ASSIGN_OR_RETURN(const bool there, rows.Next());
    if (!there) continue;
    *into = KeyPartOf(rows.values().front());
    // Reads to the end: an unfinished reading is cancelled, and its session may end with it.
    if (const absl::StatusOr<bool> more = rows.Next(); !more.ok()) return more.status();
  }
  if (!known->schema.columns[column].nullable) return facts;
  ASSIGN_OR_RETURN(facts.nulls, count_nulls());
  return facts;
}

/// Computes the same by reading all values of the column.
template <typename Rows>
absl::StatusOr<SourceReader::ColumnFacts> FactsByValues(
    const std::shared_ptr<const typename Rows::Look>& look,
    const std::shared_ptr<const typename Rows::Known>& known, std::uint32_t column) {
  Rows rows(look, known, {{column}});
  return FactsOfValues(known->given.columns[column], rows);
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_ROWS_H_
