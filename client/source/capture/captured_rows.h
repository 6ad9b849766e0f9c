#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURED_ROWS_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURED_ROWS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/source/capture/capture_look.h"
#include "client/source/reader.h"
#include "proto/wire/table.h"

namespace mirror {

/// Tells the person of rows that have the key of another one, where that is something to tell.
void NoteTwice(SourceReader& reader, const std::string& table, const CaptureLook::Found& found,
               std::vector<std::string>* notes);

/// All rows of a table in which some have the key of another one: each key once. They are the source's own
/// keys, `keys`, in order and each once: what is remembered of a table that is looked at in parts are not
/// all.
std::unique_ptr<TableReader> ReadRowsOnce(SourceReader& inner, std::string table,
                                          std::unique_ptr<DigestReader> keys,
                                          std::vector<std::uint32_t> columns);

/// All rows of a table of which nothing is known, which is remembered as they are given. Each key once.
std::unique_ptr<TableReader> ReadAndLookAtRows(SourceReader& reader, std::unique_ptr<TableReader> inner,
                                               std::unique_ptr<CaptureLook> look, const TableSchema& schema,
                                               bool by_column);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURED_ROWS_H_
