@echo off
rem Starts webui.py. Set PYTHON to choose an interpreter.
cd /d "%~dp0"
if not defined PYTHON set PYTHON=python
set PYTHONUTF8=1
"%PYTHON%" webui.py %*
if errorlevel 1 pause
