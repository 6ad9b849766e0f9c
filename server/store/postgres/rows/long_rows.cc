#include "server/store/postgres/rows/long_rows.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

/// If the TOAST table is smaller, there is no long value: PostgreSQL compresses none to fewer bytes.
constexpr std::int64_t kBesideMin = 16 << 10;
/// Number of characters in a piece. For each piece of a compressed text PostgreSQL also unpacks everything
/// before it. So longer texts are read in longer pieces.
constexpr std::uint64_t kPieceMin = 4 << 20;
constexpr std::uint64_t kPiecesMax = 16;

std::string Doing(const TableSchema& kept) { return absl::StrCat("reading table '", kept.name, "'"); }

}  // namespace

absl::StatusOr<bool> MayHaveLongValues(postgres::Connection& connection, const std::string& name,
                                       const TableSchema& kept) {
  const auto bytes = connection.Number(
      "SELECT coalesce(sum(pg_relation_size(reltoastrelid)), 0)::bigint FROM pg_class WHERE oid = "
      "$1::text::regclass AND reltoastrelid <> 0",
      {name}, Doing(kept));
  if (!bytes.ok()) return ToStoreStatus(bytes.status(), TableOwner::kMirroredTable);
  return *bytes >= kBesideMin;
}

bool PostgresLongRows::Note(const postgres::RowView& row, std::size_t range) {
  const std::size_t ctid = stored_.fields();
  if (row.IsNull(ctid)) return false;
  noted_.emplace_back(row.fields[ctid], range);
  return true;
}

absl::Status PostgresLongRows::Digest(const std::function<absl::Status()>& may_go_on,
                                      std::vector<RangeDigest>* digests) {
  RowDigest digest;
  for (const auto& [ctid, range] : noted_) {
    RETURN_IF_ERROR(DigestRow(ctid, may_go_on, &digest));
    (*digests)[range].Add(digest.Finish());
  }
  return absl::OkStatus();
}

absl::Status PostgresLongRows::DigestRow(const std::string& ctid,
                                         const std::function<absl::Status()>& may_go_on, RowDigest* digest) {
  const auto row = connection_.Query(absl::StrCat("SELECT ", SelectList(), stored_.SelectSizes(),
                                                  " FROM ONLY ", name_, " AS m WHERE m.ctid = $1::text::tid"),
                                     {ctid}, Doing(kept_));
  if (!row.ok()) return ToStoreStatus(row.status(), TableOwner::kMirroredTable);
  if (row->rows() != 1) return absl::InternalError("a row of a snapshot is not there any more");
  const int sizes = static_cast<int>(stored_.fields()) + 1;
  const auto octets_of = [&](std::size_t index) {
    return static_cast<std::uint64_t>(row->Int(0, sizes + static_cast<int>(index)));
  };
  return stored_.DigestWith(
      *row, 0, [&](std::size_t index) { return octets_of(index) > kLongValueBytes; },
      [&](std::size_t index, PostgresStoredRows::Pieces& to) {
        to.Begin(octets_of(index), digest);
        return AddPieces(ctid, index, octets_of(index), may_go_on,
                         [&](std::string_view piece) { return to.Add(piece, digest); });
      },
      digest);
}

absl::Status PostgresLongRows::AddPieces(const std::string& ctid, std::size_t index, std::uint64_t octets,
                                         const std::function<absl::Status()>& may_go_on,
                                         const std::function<bool(std::string_view)>& add) {
  const std::string sql =
      absl::StrCat("SELECT substr(m.", QuoteName(stored_.column(index).name),
                   ", $2::int, $3::int) FROM ONLY ", name_, " AS m WHERE m.ctid = $1::text::tid");
  // An even number, so that both hexadecimal digits of a byte are in the same piece.
  const auto piece = static_cast<std::int64_t>(std::max(kPieceMin, octets / kPiecesMax) / 2 * 2);
  std::uint64_t read = 0;
  for (std::int64_t from = 1; read < octets; from += piece) {
    RETURN_IF_ERROR(may_go_on());
    const auto rows = connection_.Query(sql, {ctid, from, piece}, Doing(kept_));
    if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
    const std::string_view bytes = rows->rows() == 1 ? rows->View(0, 0) : std::string_view();
    read += bytes.size();
    if (bytes.empty() || !add(bytes)) return stored_.NotOfItsType(index, "wrote it");
  }
  return absl::OkStatus();
}

}  // namespace mirror
