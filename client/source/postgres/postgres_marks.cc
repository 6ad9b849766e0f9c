#include "client/source/postgres/postgres_marks.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr char kMarksDoing[] = "noting which cycles it knows";

}  // namespace

absl::StatusOr<bool> PostgresMarks::AreIn(postgres::Connection& connection, const std::string& schema) {
  ASSIGN_OR_RETURN(const std::int64_t there,
                   connection.Number("SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = "
                                     "c.relnamespace WHERE n.nspname = $1 "
                                     "AND c.relkind = 'r' AND c.relname = '_mirror_exchange'",
                                     {postgres::Value(schema)}, "looking for the exchange's tables"));
  return there > 0;
}

absl::StatusOr<CycleMarks::Cycles> PostgresMarks::Read() {
  ASSIGN_OR_RETURN(const std::unique_ptr<postgres::Connection> connection, Open());
  ASSIGN_OR_RETURN(const postgres::Rows row,
                   connection->Query(absl::StrCat("SELECT completing, completed FROM ", Table()), {},
                                     "asking which cycles it knows"));
  if (row.rows() == 1) return Cycles{row.Int(0, 0), row.Int(0, 1)};
  return absl::FailedPreconditionError(
      "the source's _mirror_exchange has lost its row: run 'mirror-agent uninstall', then 'install'");
}

absl::Status PostgresMarks::Set(const char* column, std::int64_t cycle) const {
  ASSIGN_OR_RETURN(const std::unique_ptr<postgres::Connection> connection, Open());
  return (connection)
      ->Run(absl::StrCat("UPDATE ", Table(), " SET ", column, " = $1 WHERE ", column, " <> $1"),
            {postgres::Value(cycle)}, kMarksDoing)
      .status();
}

absl::StatusOr<std::unique_ptr<postgres::Connection>> PostgresMarks::Open() const {
  return postgres::Connection::Open(ConnectToChange(access_));
}

std::string PostgresMarks::Table() const {
  return absl::StrCat(QuoteName(schema_), ".", QuoteName("_mirror_exchange"));
}

}  // namespace mirror
