"""The shared vocabulary: volumes, structures, people, tables, plug-ins and the store. No science."""
