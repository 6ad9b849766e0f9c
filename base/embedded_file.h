#ifndef MIRROR_BASE_EMBEDDED_FILE_H_
#define MIRROR_BASE_EMBEDDED_FILE_H_

#include <cstddef>
#include <string_view>

namespace mirror {

/// A file built into the program, see mirror_embed() in the root's CMakeLists.txt. The bytes are valid as
/// long as the program runs.
struct EmbeddedFile {
  const char* name;  ///< Name given to mirror_embed(). Null: the entry that ends a list.
  const char* begin;
  const char* end;

  std::string_view bytes() const { return {begin, static_cast<std::size_t>(end - begin)}; }
};

/// Finds a file by name in a list that ends with a null name; null: there is none.
inline const EmbeddedFile* FindEmbedded(const EmbeddedFile* list, std::string_view name) {
  while (list->name != nullptr && list->name != name) ++list;
  return list->name == nullptr ? nullptr : list;
}

}  // namespace mirror

/// Declares the files of mirror_embed(target NAME ...), outside of all namespaces. `mirror_embedded_NAME` is
/// the list.
#define MIRROR_EMBEDDED(name) extern "C" const mirror::EmbeddedFile mirror_embedded_##name[]

#endif  // MIRROR_BASE_EMBEDDED_FILE_H_
