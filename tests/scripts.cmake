# Checks that need no program of ours to be built in C++: source rules, scripts, corpora, the client in Python.
# The system's interpreter, whatever comes first in PATH: it is the one that Debian's packages are for.
set(PYTHON /usr/bin/python3)

foreach(check includes files lengths format)
  add_test(NAME scripts.${check} COMMAND ${PYTHON} ${CMAKE_CURRENT_LIST_DIR}/scripts/source_rules.py ${check}
                                         ${CMAKE_SOURCE_DIR})
  set_tests_properties(scripts.${check} PROPERTIES LABELS scripts TIMEOUT 120)
endforeach()
foreach(script source_rules compare_databases proto_comments named_tests mutants setup nightly bench docs reference
               thread_safety)
  add_test(NAME scripts.${script} COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/scripts/${script}_test.py)
  set_tests_properties(scripts.${script} PROPERTIES LABELS scripts TIMEOUT 120)
endforeach()

add_test(NAME python.cycle COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/cycle_test.py
                                   ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.cycle PROPERTIES LABELS python TIMEOUT 120)
add_test(NAME python.metrics COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/metrics_test.py
                                     ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.metrics PROPERTIES LABELS python TIMEOUT 120)
add_test(NAME python.minimal_source COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/minimal_source_test.py
                                            ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.files COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/files_test.py
                                   ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.strategies COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/strategies_test.py
                                        ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.upgrade COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/upgrade_test.py
                                     ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.two_machines COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/two_machines_test.py
                                          ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.two_machines PROPERTIES LABELS python TIMEOUT 600)
add_test(NAME python.help COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/help_test.py
                                  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.tables COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/tables_test.py
                                    ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.full_disk COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/full_disk_test.py
                                       ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.docs COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/docs_test.py
                                  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.docs PROPERTIES LABELS python TIMEOUT 600 COST 600)
set_tests_properties(python.help python.tables python.full_disk PROPERTIES LABELS python TIMEOUT 600)
# COST: what takes minutes begins first, and nothing waits for it alone in the end.
set_tests_properties(python.upgrade PROPERTIES LABELS python TIMEOUT 600 COST 700)
set_tests_properties(python.strategies PROPERTIES LABELS python TIMEOUT 600 COST 800)
set_tests_properties(python.files PROPERTIES LABELS python TIMEOUT 600 COST 900)
set_tests_properties(python.cycle python.minimal_source PROPERTIES LABELS python TIMEOUT 120)

# Of the images. What takes longer is in tools/nightly.
add_test(NAME scripts.container COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/packaging/container_test.py)
set_tests_properties(scripts.container PROPERTIES LABELS scripts TIMEOUT 120)

# Asks the programs whether they know what the units call.
add_test(NAME scripts.systemd_units COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/scripts/systemd_units_test.py
                                            ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(scripts.systemd_units PROPERTIES LABELS scripts TIMEOUT 120)

# Not with sanitizers: the disk that fails is preloaded into the server.
if(NOT MIRROR_SANITIZED)
  add_test(NAME torture COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/torture/main.py --build ${CMAKE_BINARY_DIR})
  # Begun first: at the end it would keep one processor waiting.
  set_tests_properties(torture PROPERTIES LABELS torture TIMEOUT 1500 COST 1000)
endif()

add_subdirectory(fuzz)
