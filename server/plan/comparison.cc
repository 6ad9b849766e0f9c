#include "server/plan/comparison.h"

#include "absl/strings/str_cat.h"
#include "base/human_text.h"

namespace mirror {
namespace {

Compared Unchecked(const std::string& table, std::string reason) {
  return {{table, Comparison::kUnchecked, std::move(reason)}, std::nullopt};
}

}  // namespace

void DigestCoverage::Add(const Position& position, const std::vector<KeyRange>& ranges,
                         const std::vector<RangeDigest>& answer) {
  if (position != position_) *this = DigestCoverage();
  position_ = position;
  if (ranges.empty()) {
    whole_ = true;
    sum_ = answer.front();
    return;
  }
  for (std::size_t i = 0; i < ranges.size() && !whole_; ++i) {
    const KeyRange& range = ranges[i];
    if (range.first.empty()) {
      // From the beginning, perhaps again.
      sum_ = RangeDigest{};
    } else if (!begun_ || range.first != until_) {
      begun_ = false;
      return;
    }
    begun_ = true;
    sum_.Add(answer[i]);
    until_ = range.last;
    whole_ = range.last.empty();
  }
}

std::optional<RangeDigest> DigestCoverage::Whole(const Position& position) const {
  if (!whole_ || position != position_) return std::nullopt;
  return sum_;
}

Compared Compare(const CompletedTable& source, const std::optional<TableRecord>& record,
                 const std::optional<RangeDigest>& own, std::int64_t now_ms) {
  if (!source.row_count && !source.digest && !source.rows_differ) {
    return Unchecked(source.table, "no count was given");
  }
  if (!record || record->position.lsn == Lsn{} || record->pending) {
    return Unchecked(source.table, "the table has no committed position");
  }
  if (source.position && *source.position != record->position) {
    return Unchecked(source.table, "the source counted its rows at another position than the mirror's");
  }
  TableCheck check{record->table, Equality::kUnknown, record->position, now_ms, 0, false};
  const auto differs = [&](std::uint64_t rows, std::string reason) {
    check.equality = Equality::kDiffers;
    check.rows_differ = rows;
    return Compared{{source.table, Comparison::kDiffers, std::move(reason)}, check};
  };
  const auto equal = [&](Equality equality) {
    check.equality = equality;
    if (equality == Equality::kEqual) check.digest = own;
    return Compared{{source.table, Comparison::kEqual, ""}, check};
  };
  if (source.rows_differ && *source.rows_differ > 0) {
    return differs(*source.rows_differ, absl::StrCat(Counted(*source.rows_differ, "row"),
                                                     *source.rows_differ == 1 ? " differs" : " differ"));
  }
  const std::optional<std::uint64_t> rows =
      own ? std::optional(own->rows)
          : (record->row_count < 0 ? std::nullopt
                                   : std::optional(static_cast<std::uint64_t>(record->row_count)));
  if (source.row_count && rows && *rows != *source.row_count) {
    const std::uint64_t apart =
        *rows > *source.row_count ? *rows - *source.row_count : *source.row_count - *rows;
    return differs(apart, absl::StrCat("the mirror has ", Counted(*rows, "row"), " and the source ",
                                       Grouped(*source.row_count)));
  }
  if (source.rows_differ || source.digest) {
    if (!own)
      return Unchecked(source.table, "the source did not ask for digests of all its rows at this position");
    if (source.digest && own->sum != *source.digest) {
      return differs(1, "the digests differ: at least one row is not the same");
    }
    check.row_count = own->rows;
    return equal(Equality::kEqual);
  }
  if (!rows) return Unchecked(source.table, "the mirror does not know its number of rows");
  return equal(Equality::kCountEqual);
}

TableCheck UnprovenCheck(const TableRecord& record, const std::optional<TableCheck>& before) {
  TableCheck check{.table = record.table, .position = record.position};
  check.wanted = before && before->wanted;
  return check;
}

// A population resets the position, and a comparison sets another equality.
bool IsUnproven(const TableCheck& check) {
  return check.equality == Equality::kUnknown && check.position.lsn.value >= 0;
}

bool Supersedes(const TableCheck& next, const TableCheck& known) {
  if (next.equality != Equality::kCountEqual) return true;
  if (IsUnproven(known)) return false;
  return known.equality == Equality::kUnknown || known.equality == Equality::kCountEqual;
}

}  // namespace mirror
